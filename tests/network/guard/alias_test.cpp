#include <millrace/actors/network/guard/alias.hpp>
#include <millrace/actors/network/guard/basp_guard.hpp>
#include <millrace/tests/support/network/basp_frames.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace::network;
using namespace millrace::test;

const std::string our_node = a_node(1, 'H');
const std::string their_node = a_node(2, 'T');

const alias tested{0x0102030405060708};
const std::string name_shown{tested.name().data(), tested.name().size()};

std::string with_alias(std::string frame) {
  tested.put_on(frame);
  return frame;
}

std::string without_alias(std::string frames) {
  tested.take_off(frames, as_node(their_node));
  return frames;
}

} // namespace

BOOST_AUTO_TEST_SUITE(alias_suite)

BOOST_AUTO_TEST_CASE(it_is_a_node_like_any_other_and_of_one_connection_alone) {
  basp_reader in{name_shown};
  node_bytes node;
  BOOST_TEST(in.node(node));
  BOOST_TEST(in.done());
  BOOST_TEST((tested.name() != alias{0x0102030405060709}.name()));
  BOOST_TEST((tested.name() != alias{0x0202030405060708}.name()));
  BOOST_TEST((tested.name() == alias{0x0102030405060708}.name()));
}

BOOST_AUTO_TEST_CASE(it_stands_for_whoever_sent_a_frame) {
  BOOST_TEST(with_alias(client_handshake(their_node)) == client_handshake(name_shown));
  BOOST_TEST(with_alias(server_handshake(their_node)) == server_handshake(name_shown));
  BOOST_TEST(with_alias(monitor_message(their_node, our_node, 7)) == monitor_message(name_shown, our_node, 7));
  BOOST_TEST(with_alias(down_message(their_node, our_node, 5, error_bytes()))
             == down_message(name_shown, our_node, 5, error_bytes()));
}

BOOST_AUTO_TEST_CASE(frames_that_name_no_node_stay_as_they_are) {
  for (const auto& frame :
       {heartbeat(), direct_message(5, 7, request_number, message_payload("types", their_node + our_node)),
        direct_message(5, 7, request_number, message_payload("types", our_node + name_shown))}) {
    BOOST_TEST(with_alias(frame) == frame);
    BOOST_TEST(without_alias(frame) == frame);
  }
}

BOOST_AUTO_TEST_CASE(the_peer_hears_its_own_name_in_every_frame) {
  const auto message = direct_message(7, 5, response_number, message_payload("types", "values"));
  BOOST_TEST(without_alias(server_handshake(our_node) + message + monitor_message(our_node, name_shown, 5) + heartbeat()
                           + down_message(our_node, name_shown, 7, error_bytes()) + message)
             == server_handshake(our_node) + message + monitor_message(our_node, their_node, 5) + heartbeat()
                  + down_message(our_node, their_node, 7, error_bytes()) + message);
}

BOOST_AUTO_TEST_CASE(what_is_for_somebody_else_and_what_is_no_whole_frame_stays_as_it_is) {
  const auto third = monitor_message(our_node, a_node(3, 'E'), 5);
  BOOST_TEST(without_alias(third) == third);
  const auto whole = heartbeat() + monitor_message(our_node, name_shown, 5);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    BOOST_TEST(without_alias(whole.substr(0, cut)) == whole.substr(0, cut));
  }
}

BOOST_AUTO_TEST_SUITE_END()
