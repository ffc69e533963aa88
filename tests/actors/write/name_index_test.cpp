#include <millrace/actors/write/name_index.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

using verdict = name_index::verdict;

/// A client that was born at a time, told apart from others by a number.
uuid born(std::int64_t made_at, std::uint8_t which = 0) {
  uuid id = new_client_id();
  for (std::size_t i = 6; i-- > 0; made_at >>= 8) {
    id[i] = static_cast<std::uint8_t>(made_at);
  }
  id[15] = which;
  return id;
}

struct fixture {
  name_index names{{.count = 3, .age = std::chrono::milliseconds{1'000}}};

  /// As the queue does for each batch.
  std::vector<transaction_name> add(const transaction_name& name, std::uint64_t seq, std::int64_t now_ms = 0) {
    names.add(name, seq, now_ms);
    return names.forget(now_ms);
  }

  verdict judge(const uuid& client, std::uint64_t number) const { return names.find({client, number}).what; }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(name_index_suite, fixture)

BOOST_AUTO_TEST_CASE(a_name_is_fresh_until_it_is_added_and_known_by_its_seq_then) {
  const auto client = born(10);
  BOOST_TEST((judge(client, 1) == verdict::fresh));
  add({client, 1}, 7);
  BOOST_TEST((judge(client, 1) == verdict::known));
  BOOST_TEST(names.find({client, 1}).seq == 7);
  BOOST_TEST((judge(client, 2) == verdict::fresh));
  BOOST_TEST((judge(born(10, 1), 1) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(a_lower_number_that_comes_late_is_fresh_while_nothing_was_forgotten) {
  const auto client = born(10);
  add({client, 5}, 1);
  BOOST_TEST((judge(client, 4) == verdict::fresh));
  add({client, 4}, 2);
  BOOST_TEST(names.find({client, 4}).seq == 2);
  BOOST_TEST(names.find({client, 5}).seq == 1);
}

BOOST_AUTO_TEST_CASE(beyond_the_count_the_oldest_is_forgotten_and_not_taken_for_fresh) {
  const auto client = born(10);
  for (std::uint64_t number = 1; number <= 5; ++number) {
    add({client, number}, number);
  }
  BOOST_TEST(names.size() == 3);
  BOOST_TEST((judge(client, 2) == verdict::forgotten));
  BOOST_TEST((judge(client, 3) == verdict::known));
  BOOST_TEST((judge(client, 6) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(numbers_that_came_out_of_order_are_forgotten_in_the_order_in_which_they_came) {
  const auto client = born(10);
  for (const std::uint64_t number : {5, 4, 6, 7}) {
    add({client, number}, names.size() + 1);
  }
  BOOST_TEST((judge(client, 5) == verdict::forgotten));
  BOOST_TEST((judge(client, 4) == verdict::known));
  BOOST_TEST((judge(client, 6) == verdict::known));
  BOOST_TEST((judge(client, 7) == verdict::known));
}

BOOST_AUTO_TEST_CASE(beyond_the_age_too) {
  const auto client = born(10);
  add({client, 1}, 1);
  add({client, 2}, 2, 1'001);
  BOOST_TEST((judge(client, 1) == verdict::forgotten));
  BOOST_TEST((judge(client, 2) == verdict::known));
}

BOOST_AUTO_TEST_CASE(of_a_forgotten_client_nothing_is_fresh_and_younger_clients_are_welcome) {
  const auto old = born(10);
  const auto busy = born(20);
  add({old, 1}, 1);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    add({busy, number}, 1 + number);
  }
  BOOST_TEST((judge(old, 1) == verdict::forgotten));
  BOOST_TEST((judge(old, 2) == verdict::forgotten));
  // It may have been forgotten just as well.
  BOOST_TEST((judge(born(9), 1) == verdict::forgotten));
  BOOST_TEST((judge(born(11), 1) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(what_was_numbered_and_not_written_is_fresh_again) {
  const auto client = born(10);
  add({client, 1}, 1);
  add({client, 2}, 2);
  add({born(10, 1), 1}, 3);
  names.remove_above(1);
  BOOST_TEST((judge(client, 1) == verdict::known));
  BOOST_TEST((judge(client, 2) == verdict::fresh));
  BOOST_TEST((judge(born(10, 1), 1) == verdict::fresh));
  BOOST_TEST(names.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_new_life_knows_what_is_recorded_and_distrusts_gaps_of_clients_that_may_have_been_forgotten) {
  const auto old = born(10);
  const auto young = born(30);
  storage::database_identity identity;
  identity.names = {{{old, 7}, 1}, {{young, 3}, 2}};
  identity.forgotten_made_at_ms = 20;
  names.load(identity);
  BOOST_TEST(names.find({old, 7}).seq == 1);
  BOOST_TEST((judge(old, 6) == verdict::forgotten));
  BOOST_TEST((judge(old, 8) == verdict::fresh));
  BOOST_TEST((judge(young, 2) == verdict::fresh));
  BOOST_TEST((judge(born(15), 1) == verdict::forgotten));
}

BOOST_AUTO_TEST_CASE(a_number_that_is_forgotten_before_a_lower_one_that_came_later_is_to_be_noted) {
  const auto client = born(10);
  add({client, 7}, 1);
  add({client, 5}, 2);
  BOOST_TEST(add({born(10, 1), 1}, 3).empty());
  BOOST_TEST((add({born(10, 2), 1}, 4) == std::vector<transaction_name>{{client, 7}}));
  BOOST_TEST((judge(client, 7) == verdict::forgotten));
  BOOST_TEST((judge(client, 5) == verdict::known));
  names.note({client, 7}, 5, 0);
  BOOST_TEST(names.forget(0).empty());
}

BOOST_AUTO_TEST_CASE(a_number_that_is_forgotten_while_a_higher_one_is_known_needs_no_note) {
  const auto client = born(10);
  for (const std::uint64_t number : {7, 5, 8, 9}) {
    BOOST_TEST(add({client, number}, names.newest_seq() + 1).empty());
  }
  BOOST_TEST((judge(client, 7) == verdict::forgotten));
}

BOOST_AUTO_TEST_CASE(a_note_that_did_not_get_into_the_log_is_owed_still) {
  const auto client = born(10);
  add({client, 7}, 1);
  add({client, 5}, 2);
  add({born(10, 1), 1}, 3);
  add({born(10, 2), 1}, 4);
  names.note({client, 7}, 5, 0);
  names.remove_above(4);
  BOOST_TEST((names.forget(0) == std::vector<transaction_name>{{client, 7}}));
}

BOOST_AUTO_TEST_CASE(a_new_life_reads_from_a_note_what_was_forgotten_in_the_one_before) {
  const auto client = born(10);
  storage::database_identity identity;
  identity.names = {{{client, 5}, 2}};
  identity.forgotten_made_at_ms = 10;
  names.load(identity);
  BOOST_TEST((judge(client, 7) == verdict::fresh));
  names.note({client, 7}, 5, 0);
  BOOST_TEST((judge(client, 7) == verdict::forgotten));
  BOOST_TEST((judge(client, 6) == verdict::forgotten));
  BOOST_TEST((judge(client, 5) == verdict::known));
  BOOST_TEST((judge(client, 8) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(what_is_recorded_twice_takes_the_place_of_two_and_stands_for_the_first) {
  const auto client = born(10);
  storage::database_identity identity;
  identity.names = {{{client, 7}, 1}, {{client, 5}, 2}, {{client, 7}, 3}};
  names.load(identity);
  BOOST_TEST(names.size() == 3);
  BOOST_TEST(names.find({client, 7}).seq == 1);
}

BOOST_AUTO_TEST_CASE(an_age_is_counted_from_the_acceptance_in_an_earlier_life) {
  const auto client = born(10);
  storage::database_identity identity;
  identity.names = {{{client, 1}, 1, 500}};
  names.load(identity);
  names.forget(1'500);
  BOOST_TEST((judge(client, 1) == verdict::known));
  names.forget(1'501);
  BOOST_TEST((judge(client, 1) == verdict::forgotten));
}

BOOST_AUTO_TEST_CASE(a_client_that_sends_for_ever_takes_no_more_room_than_the_window) {
  const auto client = born(10);
  for (std::uint64_t number = 1; number <= 10'000; ++number) {
    add({client, number}, number);
    BOOST_REQUIRE(names.size() <= 3);
  }
  BOOST_TEST((judge(client, 9'998) == verdict::known));
  BOOST_TEST((judge(client, 9'997) == verdict::forgotten));
}

BOOST_AUTO_TEST_SUITE_END()
