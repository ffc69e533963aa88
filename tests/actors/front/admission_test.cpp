#include <millrace/actors/front/admission.hpp>
#include <millrace/messages/limits.hpp>

#include <chrono>
#include <cstdint>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace std::chrono_literals;

namespace {

std::optional<failure> refusal_of(transaction_name name) {
  auto work = execute("x");
  work.name = name;
  return check(work);
}

bool mentions(const std::optional<failure>& problem, const std::string& text) {
  return problem && problem->detail.find(text) != std::string::npos;
}

errc code_of(const transaction& work) {
  const auto problem = check(work);
  return problem ? problem->code : errc::none;
}

transaction with_groups(std::size_t statements, std::vector<group> groups) {
  transaction work;
  for (std::size_t i = 0; i < statements; ++i) {
    work.add("DELETE FROM t");
  }
  work.groups = std::move(groups);
  return work;
}

} // namespace

BOOST_AUTO_TEST_SUITE(admission_suite)

BOOST_AUTO_TEST_CASE(an_ordinary_transaction_passes) {
  BOOST_TEST((code_of(execute("INSERT INTO t VALUES (?1)", 1)) == errc::none));
}

BOOST_AUTO_TEST_CASE(a_transaction_without_statements_is_malformed) {
  BOOST_TEST((code_of(transaction{}) == errc::malformed));
}

BOOST_AUTO_TEST_CASE(what_exceeds_a_limit_is_too_large) {
  BOOST_TEST((code_of(execute(std::string(limits::sql_bytes_max + 1, ' '))) == errc::too_large));
  BOOST_TEST((code_of(execute("x", std::string(limits::value_bytes_max + 1, 'x'))) == errc::too_large));
  auto many = execute("x");
  many.statements.resize(limits::statements_max + 1, many.statements.front());
  BOOST_TEST((code_of(many) == errc::too_large));
  auto parameters = execute("x");
  parameters.statements.front().parameters.resize(limits::parameters_max + 1);
  BOOST_TEST((code_of(parameters) == errc::too_large));
  transaction heavy;
  for (int i = 0; i < 3; ++i) {
    heavy.add("x", std::string(limits::value_bytes_max - 1, 'x'));
  }
  BOOST_TEST((code_of(heavy) == errc::too_large));
}

BOOST_AUTO_TEST_CASE(an_enumeration_out_of_range_is_malformed) {
  auto work = execute("x");
  work.acknowledgement = static_cast<ack>(7);
  BOOST_TEST((code_of(work) == errc::malformed));
  work = execute("x");
  work.priority = static_cast<priority>(2);
  BOOST_TEST((code_of(work) == errc::malformed));
  auto question = select("x");
  question.consistency = static_cast<consistency>(9);
  BOOST_TEST((check(question)->code == errc::malformed));
}

BOOST_AUTO_TEST_CASE(groups_may_nest_and_stand_apart) {
  using enum on_error;
  BOOST_TEST((code_of(with_groups(6, {{0, 4, continue_after}, {1, 2, abort_transaction}, {4, 2, continue_after}}))
              == errc::none));
  BOOST_TEST((code_of(with_groups(2, {{0, 2, continue_after}, {0, 2, continue_after}})) == errc::none));
  BOOST_TEST((code_of(with_groups(2, {{1, 0, continue_after}})) == errc::none));
}

BOOST_AUTO_TEST_CASE(groups_that_overlap_or_reach_beyond_are_malformed) {
  using enum on_error;
  BOOST_TEST((code_of(with_groups(4, {{0, 3, continue_after}, {2, 2, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(4, {{3, 2, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(4, {{2, 1, continue_after}, {0, 1, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(4, {{0xFFFFFFFF, 0xFFFFFFFF, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(1, {{0, 1, static_cast<on_error>(2)}})) == errc::malformed));
}

BOOST_AUTO_TEST_CASE(groups_nested_too_deep_are_too_large) {
  BOOST_TEST((code_of(with_groups(1, std::vector<group>(limits::group_depth_max, {0, 1, on_error::continue_after})))
              == errc::none));
  BOOST_TEST((code_of(with_groups(1, std::vector<group>(limits::group_depth_max + 1, {0, 1, on_error::continue_after})))
              == errc::too_large));
}

BOOST_AUTO_TEST_CASE(room_is_bounded_by_count_and_by_bytes_and_comes_back) {
  admission room{2, 100};
  BOOST_TEST(room.take(10));
  BOOST_TEST(room.take(80));
  BOOST_TEST(!room.take(1)); // Two are all that count allows.
  room.give_back(1, 10);
  BOOST_TEST(!room.take(30)); // 80 + 30 bytes are too many.
  BOOST_TEST(room.take(20));
  room.give_back(2, 100);
  BOOST_TEST(room.requests() == 0);
  BOOST_TEST(room.bytes() == 0);
}

BOOST_AUTO_TEST_CASE(what_was_admitted_elsewhere_takes_room_beyond_the_bounds) {
  admission room{1, 100};
  room.take_anyway(80);
  room.take_anyway(80);
  BOOST_TEST(room.requests() == 2);
  BOOST_TEST(room.bytes() == 160);
  BOOST_TEST(!room.take(0));
  room.give_back(2, 160);
  BOOST_TEST(room.take(1));
}

BOOST_AUTO_TEST_CASE(room_counts_as_nearly_full_above_nine_tenths_of_either_bound) {
  admission room{20, 1'000};
  for (int i = 0; i < 18; ++i) {
    BOOST_REQUIRE(room.take(1));
  }
  BOOST_TEST(!room.nearly_full());
  BOOST_REQUIRE(room.take(1));
  BOOST_TEST(room.nearly_full());
  room.give_back(19, 19);
  BOOST_REQUIRE(room.take(900));
  BOOST_TEST(!room.nearly_full());
  BOOST_REQUIRE(room.take(1));
  BOOST_TEST(room.nearly_full());
}

BOOST_AUTO_TEST_CASE(one_transaction_larger_than_the_byte_bound_is_admitted_when_it_is_alone) {
  admission room{10, 100};
  BOOST_TEST(room.take(500));
  BOOST_TEST(!room.take(1));
}

BOOST_AUTO_TEST_CASE(a_name_needs_the_id_of_a_client_and_a_number) {
  BOOST_TEST((!refusal_of({new_client_id(0), 1})));
  BOOST_TEST((!refusal_of({uuid{1, 2, 3}, 1})));
  BOOST_TEST(mentions(refusal_of({uuid{}, 1}), "the id of a client"));
  BOOST_TEST(mentions(refusal_of({new_client_id(0), 0}), "a number above 0"));
  BOOST_TEST((refusal_of({uuid{}, 1})->code == errc::malformed));
}

BOOST_AUTO_TEST_CASE(pages_are_checked_like_queries_and_their_size_too) {
  page_query question{select("x"), 10};
  BOOST_TEST((!check(question)));
  question.question.max_rows = 0; // Not looked at.
  BOOST_TEST((!check(question)));
  question.question.consistency = consistency::at_least;
  BOOST_TEST((!check(question)));
  question.question.consistency = consistency::linearizable;
  BOOST_TEST((check(question)->code == errc::malformed));
  question.question.consistency = static_cast<consistency>(9);
  BOOST_TEST((check(question)->code == errc::malformed));
  for (const auto rows : {0u, limits::rows_max + 1}) {
    BOOST_TEST((check(page_query{select("x"), rows})->code == errc::too_large));
    BOOST_TEST((check(page_cursor{.question = select("x"), .page_rows = rows})->code == errc::too_large));
  }
  const page_cursor position{.question = select(std::string(limits::sql_bytes_max + 1, ' ')), .page_rows = 10};
  BOOST_TEST((check(position)->code == errc::too_large));
}

BOOST_AUTO_TEST_CASE(what_is_urgent_has_a_tenth_more_room) {
  admission room{20, 1'000};
  for (int i = 0; i < 20; ++i) {
    BOOST_REQUIRE(room.take(1));
  }
  BOOST_TEST(!room.take(1));
  BOOST_TEST(room.take(1, priority::operations));
  BOOST_TEST(!room.take(1));
  BOOST_TEST(room.take(1, priority::operations));
  BOOST_TEST(!room.take(1, priority::operations));
  BOOST_TEST(room.requests() == 22);

  admission bytes{100, 1'000};
  BOOST_TEST(bytes.take(1'000));
  BOOST_TEST(!bytes.take(100));
  BOOST_TEST(bytes.take(100, priority::operations));
  BOOST_TEST(!bytes.take(1, priority::operations));

  admission small{1, 10};
  BOOST_TEST(small.take(1));
  BOOST_TEST(small.take(1, priority::operations));
}

BOOST_AUTO_TEST_CASE(when_to_come_back_follows_from_how_fast_room_was_given_back) {
  admission room{1'000, 1'000'000};
  admission::clock::time_point now{1h};
  BOOST_TEST((room.retry_after(now) == 50ms));
  for (int i = 0; i < 1'000; ++i) {
    BOOST_REQUIRE(room.take(100));
  }
  room.give_back(1, 100, now);
  BOOST_TEST((room.retry_after(now) == 50ms)); // How long that took is not known.
  BOOST_REQUIRE(room.take(100));
  room.give_back(100, 10'000, now += 200ms); // 500 per second, and a tenth of the room is free.
  BOOST_TEST((room.retry_after(now) == 1ms));
  for (int i = 0; i < 100; ++i) {
    BOOST_REQUIRE(room.take(100));
  }
  BOOST_TEST((room.retry_after(now) == 200ms));
  BOOST_TEST((room.retry_after(now + 2s) == 50ms)); // Nothing was given back lately.
}

BOOST_AUTO_TEST_CASE(when_to_come_back_is_bounded_and_follows_what_is_scarce) {
  admission room{1'000, 1'000'000};
  admission::clock::time_point now{1h};
  BOOST_REQUIRE(room.take(1'000'000));
  room.give_back(0, 0, now);
  room.give_back(1, 100'000, now += 500ms); // 200,000 bytes per second.
  BOOST_REQUIRE(room.take(50'000));
  BOOST_TEST((room.retry_after(now) == 250ms));
  room.give_back(1, 1, now += 1s);
  BOOST_TEST((room.retry_after(now) == 1s));
}

BOOST_AUTO_TEST_SUITE_END()
