#include <millrace/actors/write/name_index.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

using verdict = name_index::verdict;

constexpr std::int64_t year_ms = 365ll * 24 * 3'600 * 1'000;

struct name_index_fixture {
  name_index names{{.count = 3, .age = std::chrono::milliseconds{1'000}}};

  /// As the queue does for each batch.
  std::vector<transaction_name> add(const transaction_name& name, std::uint64_t seq, std::int64_t now_ms = 0) {
    names.add({name}, seq);
    names.accepted_at(now_ms);
    return names.forget();
  }

  /// Numbers of one client, one a second from the given time on, each with its number as `seq`.
  void add_each_second(const uuid& client, std::uint64_t first, std::uint64_t last, std::int64_t from_ms) {
    for (auto number = first; number <= last; ++number) {
      add({client, number}, number, from_ms + static_cast<std::int64_t>(number - first) * 1'000);
    }
  }

  verdict judge(const uuid& client, std::uint64_t number) const { return names.find({{client, number}}).what; }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(name_index_suite, name_index_fixture)

BOOST_AUTO_TEST_CASE(a_name_is_fresh_until_it_is_added_and_known_by_its_seq_then) {
  const auto client = new_client_id(0);
  BOOST_TEST((judge(client, 1) == verdict::fresh));
  add({client, 1}, 7);
  BOOST_TEST((judge(client, 1) == verdict::known));
  BOOST_TEST(names.find({{client, 1}}).seq == 7);
  BOOST_TEST((judge(client, 2) == verdict::fresh));
  BOOST_TEST((judge(new_client_id(0), 1) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(a_name_with_another_content_is_taken_and_one_whose_content_is_not_known_is_not_compared) {
  const auto client = new_client_id(0);
  const auto what = [&](std::uint64_t number, std::uint64_t content) {
    return names.find({{client, number}, content}).what;
  };
  names.add({{client, 2}, 22}, 1);
  names.add({{client, 1}, 11}, 2);
  storage::database_identity recorded;
  recorded.names = {{.name = {client, 3}, .seq = 3}, {.name = {client, 4}, .seq = 4, .content = 44}};
  names.load(recorded);
  for (const std::uint64_t number : {1, 2, 4}) {
    BOOST_TEST((what(number, number * 11) == verdict::known));
    BOOST_TEST((what(number, 99) == verdict::taken));
    BOOST_TEST(names.find({{client, number}, 99}).seq == names.find({{client, number}}).seq);
    BOOST_TEST((what(number, 0) == verdict::known));
  }
  BOOST_TEST((what(3, 99) == verdict::known));
}

BOOST_AUTO_TEST_CASE(a_lower_number_that_comes_late_is_fresh_while_nothing_was_forgotten) {
  const auto client = new_client_id(0);
  add({client, 5}, 1);
  BOOST_TEST((judge(client, 4) == verdict::fresh));
  add({client, 4}, 2);
  BOOST_TEST(names.find({{client, 4}}).seq == 2);
  BOOST_TEST(names.find({{client, 5}}).seq == 1);
}

BOOST_AUTO_TEST_CASE(beyond_the_count_the_oldest_is_forgotten_and_not_taken_for_fresh) {
  const auto client = new_client_id(0);
  for (std::uint64_t number = 1; number <= 5; ++number) {
    add({client, number}, number);
  }
  BOOST_TEST(names.size() == 3);
  BOOST_TEST((judge(client, 2) == verdict::forgotten));
  BOOST_TEST((judge(client, 3) == verdict::known));
  BOOST_TEST((judge(client, 6) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(numbers_that_came_out_of_order_are_forgotten_in_the_order_in_which_they_came) {
  const auto client = new_client_id(0);
  for (const std::uint64_t number : {5, 4, 6, 7}) {
    add({client, number}, names.size() + 1);
  }
  BOOST_TEST((judge(client, 5) == verdict::forgotten));
  BOOST_TEST((judge(client, 4) == verdict::known));
  BOOST_TEST((judge(client, 6) == verdict::known));
  BOOST_TEST((judge(client, 7) == verdict::known));
}

BOOST_AUTO_TEST_CASE(beyond_the_age_too) {
  names = name_index{{.count = 1'000, .age = std::chrono::seconds{24}}};
  const auto client = new_client_id(0);
  add_each_second(client, 1, 25, 0);
  BOOST_TEST((judge(client, 1) == verdict::known));
  add({client, 26}, 26, 25'000);
  BOOST_TEST((judge(client, 1) == verdict::forgotten));
  BOOST_TEST((judge(client, 2) == verdict::known));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_a_year_ahead_for_a_moment_makes_nothing_forgotten_and_keeps_nothing) {
  names = name_index{{.count = 1'000, .age = std::chrono::seconds{24}}};
  const auto client = new_client_id(0);
  add({client, 1}, 1, 0);
  add({client, 2}, 2, year_ms);
  add_each_second(client, 3, 26, 1'000);
  BOOST_TEST((judge(client, 1) == verdict::known));
  add({client, 27}, 27, 25'000);
  BOOST_TEST((judge(client, 1) == verdict::forgotten));
  add({client, 28}, 28, 26'000);
  BOOST_TEST((judge(client, 3) == verdict::forgotten));
  BOOST_TEST((judge(client, 4) == verdict::known));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_back_keeps_nothing_longer_than_its_age) {
  names = name_index{{.count = 1'000, .age = std::chrono::seconds{24}}};
  const auto client = new_client_id(0);
  add({client, 1}, 1, year_ms);
  add_each_second(client, 2, 26, 0);
  BOOST_TEST((judge(client, 1) == verdict::known));
  add({client, 27}, 27, 25'000);
  BOOST_TEST((judge(client, 1) == verdict::forgotten));
}

BOOST_AUTO_TEST_CASE(what_was_not_written_made_nothing_older) {
  names = name_index{{.count = 1'000, .age = std::chrono::seconds{24}}};
  const auto client = new_client_id(0);
  add_each_second(client, 1, 25, 0);
  names.add({{client, 26}}, 26);
  names.accepted_at(year_ms);
  names.remove_above(25);
  add({client, 26}, 26, 24'000);
  BOOST_TEST((judge(client, 1) == verdict::known));
  add({client, 27}, 27, 25'000);
  BOOST_TEST((judge(client, 1) == verdict::forgotten));
}

BOOST_AUTO_TEST_CASE(of_a_forgotten_client_nothing_is_fresh_and_clients_that_were_issued_since_are_welcome) {
  const auto old = new_client_id(0);
  const auto busy = new_client_id(1);
  add({old, 1}, 3);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    add({busy, number}, 3 + number);
  }
  BOOST_TEST((judge(old, 1) == verdict::forgotten));
  BOOST_TEST((judge(old, 2) == verdict::forgotten));
  // It may have been forgotten just as well.
  BOOST_TEST((judge(new_client_id(2), 1) == verdict::forgotten));
  BOOST_TEST((judge(new_client_id(3), 1) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(an_id_from_a_far_future_neither_bars_others_nor_is_barred) {
  const auto ahead = new_client_id(1'000'000'000'000'000);
  BOOST_TEST((judge(ahead, 1) == verdict::fresh));
  add({ahead, 1}, 1);
  for (std::uint64_t seq = 2; seq <= 20; ++seq) {
    const auto issued_now = new_client_id(seq - 1);
    BOOST_TEST((judge(issued_now, 1) == verdict::fresh));
    add({issued_now, 1}, seq);
  }
  BOOST_TEST((judge(ahead, 2) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(what_was_numbered_and_not_written_is_fresh_again) {
  const auto client = new_client_id(0);
  add({client, 1}, 1);
  add({client, 2}, 2);
  add({new_client_id(0), 1}, 3);
  names.remove_above(1);
  BOOST_TEST((judge(client, 1) == verdict::known));
  BOOST_TEST((judge(client, 2) == verdict::fresh));
  BOOST_TEST((judge(new_client_id(0), 1) == verdict::fresh));
  BOOST_TEST(names.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_new_life_knows_what_is_recorded_and_distrusts_gaps_of_clients_that_may_have_been_forgotten) {
  const auto old = new_client_id(10);
  const auto young = new_client_id(20);
  storage::database_identity identity;
  identity.names = {{{old, 7}, 21}, {{young, 3}, 22}};
  identity.forgotten_upto = 20;
  names.load(identity);
  BOOST_TEST(names.find({{old, 7}}).seq == 21);
  BOOST_TEST((judge(old, 6) == verdict::forgotten));
  BOOST_TEST((judge(old, 8) == verdict::fresh));
  BOOST_TEST((judge(young, 2) == verdict::fresh));
  BOOST_TEST((judge(new_client_id(15), 1) == verdict::forgotten));
  BOOST_TEST((judge(new_client_id(20), 1) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(a_number_that_is_forgotten_before_a_lower_one_that_came_later_is_to_be_noted) {
  const auto client = new_client_id(0);
  add({client, 7}, 1);
  add({client, 5}, 2);
  BOOST_TEST(add({new_client_id(0), 1}, 3).empty());
  BOOST_TEST((add({new_client_id(0), 1}, 4) == std::vector<transaction_name>{{client, 7}}));
  BOOST_TEST((judge(client, 7) == verdict::forgotten));
  BOOST_TEST((judge(client, 5) == verdict::known));
  names.note({client, 7}, 5);
  BOOST_TEST(names.forget().empty());
}

BOOST_AUTO_TEST_CASE(a_number_that_is_forgotten_while_a_higher_one_is_known_needs_no_note) {
  const auto client = new_client_id(0);
  for (const std::uint64_t number : {7, 5, 8, 9}) {
    BOOST_TEST(add({client, number}, names.newest_seq() + 1).empty());
  }
  BOOST_TEST((judge(client, 7) == verdict::forgotten));
}

BOOST_AUTO_TEST_CASE(a_note_that_did_not_get_into_the_log_is_owed_still) {
  const auto client = new_client_id(0);
  add({client, 7}, 1);
  add({client, 5}, 2);
  add({new_client_id(0), 1}, 3);
  add({new_client_id(0), 1}, 4);
  names.note({client, 7}, 5);
  names.remove_above(4);
  BOOST_TEST((names.forget() == std::vector<transaction_name>{{client, 7}}));
}

BOOST_AUTO_TEST_CASE(a_new_life_reads_from_a_note_what_was_forgotten_in_the_one_before) {
  const auto client = new_client_id(0);
  storage::database_identity identity;
  identity.names = {{{client, 5}, 2}};
  identity.forgotten_upto = 1;
  names.load(identity);
  BOOST_TEST((judge(client, 7) == verdict::fresh));
  names.note({client, 7}, 5);
  BOOST_TEST((judge(client, 7) == verdict::forgotten));
  BOOST_TEST((judge(client, 6) == verdict::forgotten));
  BOOST_TEST((judge(client, 5) == verdict::known));
  BOOST_TEST((judge(client, 8) == verdict::fresh));
}

BOOST_AUTO_TEST_CASE(what_is_recorded_twice_takes_the_place_of_two_and_stands_for_the_first) {
  const auto client = new_client_id(0);
  storage::database_identity identity;
  identity.names = {{{client, 7}, 1}, {{client, 5}, 2}, {{client, 7}, 3}};
  names.load(identity);
  BOOST_TEST(names.size() == 3);
  BOOST_TEST(names.find({{client, 7}}).seq == 1);
}

BOOST_AUTO_TEST_CASE(an_age_is_counted_from_the_acceptance_in_an_earlier_life) {
  names = name_index{{.count = 1'000, .age = std::chrono::seconds{24}}};
  const auto client = new_client_id(0);
  storage::database_identity identity;
  for (std::uint64_t number = 1; number <= 25; ++number) {
    identity.names.push_back({{client, number}, number, static_cast<std::int64_t>(number) * 1'000});
  }
  names.load(identity);
  names.forget();
  BOOST_TEST((judge(client, 1) == verdict::known));
  add({client, 26}, 26, 26'000);
  BOOST_TEST((judge(client, 1) == verdict::forgotten));
  BOOST_TEST((judge(client, 2) == verdict::known));
}

BOOST_AUTO_TEST_CASE(a_client_that_sends_for_ever_takes_no_more_room_than_the_window) {
  const auto client = new_client_id(0);
  for (std::uint64_t number = 1; number <= 10'000; ++number) {
    add({client, number}, number);
    BOOST_REQUIRE(names.size() <= 3);
  }
  BOOST_TEST((judge(client, 9'998) == verdict::known));
  BOOST_TEST((judge(client, 9'997) == verdict::forgotten));
}

BOOST_AUTO_TEST_SUITE_END()
