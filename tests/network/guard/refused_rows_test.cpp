#include <millrace/actors/network/guard/refused_rows.hpp>
#include <millrace/tests/support/network/basp_frames.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace::network;
using namespace millrace::test;

constexpr std::array<std::string_view, 2> with_rows{"rows", "page"};
const std::string error = message_payload("@<>+@error", "no room");

std::string answer(std::string_view content, std::size_t bytes) {
  return direct_message(7, 5, response_number, message_payload(content, std::string(bytes, 'x')));
}

const std::string refused = direct_message(7, 5, response_number, error);

/// What is left of frames, and how many were replaced.
std::pair<std::string, std::size_t> within(std::size_t room, const std::string& frames) {
  std::vector<char> bytes{frames.begin(), frames.end()};
  const auto replaced = refuse_rows(bytes, room, {with_rows, error});
  return {{bytes.begin(), bytes.end()}, replaced};
}

} // namespace

BOOST_AUTO_TEST_SUITE(refused_rows_suite)

BOOST_AUTO_TEST_CASE(what_there_is_room_for_is_sent) {
  const auto all = answer("rows", 1'000) + heartbeat() + answer("page", 1'000);
  BOOST_TEST(within(all.size(), all).first == all);
  BOOST_TEST(within(all.size(), all).second == 0U);
}

BOOST_AUTO_TEST_CASE(rows_beyond_the_room_are_an_error_to_the_same_request) {
  for (const auto content : with_rows) {
    const auto [left, replaced] = within(100, answer(content, 1'000));
    BOOST_TEST(left == refused);
    BOOST_TEST(replaced == 1U);
  }
}

BOOST_AUTO_TEST_CASE(what_comes_first_is_sent_and_what_is_small_enough_follows) {
  const auto first = answer("rows", 1'000);
  const auto small = answer("rows", 200);
  const auto [left, replaced] = within(first.size() + refused.size() + small.size(), first + first + small);
  BOOST_TEST(left == first + refused + small);
  BOOST_TEST(replaced == 1U);
}

BOOST_AUTO_TEST_CASE(outcomes_errors_and_what_is_no_message_are_sent_whatever_the_room) {
  for (const auto& frame :
       {answer("outcome", 1'000), refused, heartbeat(), server_handshake(a_node(1)), answer("rows", 0),
        frame({.operation = 3, .dest_actor = 5},
              a_node(1) + a_node(2) + message_payload("rows", std::string(99, 'x')))}) {
    const auto [left, replaced] = within(0, frame);
    BOOST_TEST(left == frame);
    BOOST_TEST(replaced == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
