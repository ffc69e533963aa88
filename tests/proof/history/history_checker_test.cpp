#include "history_checker.hpp"

#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace;
using namespace millrace::test;
using namespace millrace::test::histories;

constexpr operation_id first{1, 1};
constexpr operation_id second{1, 2};
constexpr operation_id other{2, 1};

event append(operation_id who, ack acknowledgement = ack::applied) {
  return {.who = who, .list = 7, .acknowledgement = acknowledgement};
}

event read(operation_id who, consistency level, std::uint64_t seq = 0) {
  return {.who = who, .action = action::read, .list = 7, .level = level, .seq = seq};
}

event done(operation_id who, std::uint64_t seq) {
  return {.kind = event_kind::ok, .who = who, .seq = seq, .values = {who}};
}

event durable(operation_id who, std::uint64_t seq) {
  return {.kind = event_kind::ok, .who = who, .seq = seq};
}

event saw(operation_id who, std::vector<operation_id> values) {
  return {.kind = event_kind::ok, .who = who, .values = std::move(values)};
}

event failed(operation_id who, errc why) {
  return {.kind = event_kind::fail, .who = who, .why = why};
}

event unknown(operation_id who) {
  return {.kind = event_kind::info, .who = who, .why = errc::outcome_unknown};
}

/// What there is when these were applied, one after the other from seq 1 on, and nothing else.
final_state after(std::vector<operation_id> applied) {
  final_state end;
  for (const auto& who : applied) {
    end.rows.push_back({.who = who, .list = 7});
    end.log.push_back({.who = who});
  }
  end.applied_seq = applied.size();
  end.balances = {100, 100};
  end.first_balance = 100;
  return end;
}

/// Exactly one rule is broken, and its sentence says so.
void check_finds(const std::vector<event>& history, const final_state& end, const std::string& words) {
  const auto found = check(history, end);
  BOOST_TEST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found.front().find(words) != std::string::npos, found.front());
}

} // namespace

BOOST_AUTO_TEST_SUITE(history_checker_suite)

BOOST_AUTO_TEST_CASE(a_history_as_promised_has_no_findings) {
  auto end = after({first, other, second});
  end.log.push_back({.who = {4, 1}, .skipped = true});
  end.log.push_back({.who = {5, 1}});
  end.rows.push_back({.who = {6, 1}, .list = 0, .source = 0, .target = 1, .amount = 30});
  end.log.push_back({.who = {6, 1}});
  end.applied_seq = 6;
  end.balances = {70, 130};
  const std::vector<event> history{
    append(first),
    append(other, ack::durable),
    durable(other, 2),
    read({3, 1}, consistency::linearizable),
    saw({3, 1}, {first, other}),
    done(first, 1),
    read({3, 2}, consistency::any),
    saw({3, 2}, {first, other}),
    append(second),
    unknown(second),
    read({3, 3}, consistency::at_least, 2),
    saw({3, 3}, {first, other, second}),
    append({4, 1}),
    failed({4, 1}, errc::deadline_exceeded),
    {.who = {5, 1}, .action = action::refused, .list = 7},
    failed({5, 1}, errc::constraint),
    {.who = {6, 1}, .action = action::transfer},
    done({6, 1}, 6),
    {.who = {3, 4}, .action = action::sum},
    {.kind = event_kind::ok, .who = {3, 4}, .total = 200},
    append({8, 1}),
  };
  BOOST_TEST(check(history, end) == std::vector<std::string>{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_acknowledged_value_that_is_not_there_is_lost) {
  auto end = after({first, other});
  end.rows.pop_back();
  end.log.back().who = {};
  auto history = std::vector{append(first), done(first, 1), append(other), done(other, 2)};
  const auto found = check(history, end);
  BOOST_TEST(found.size() == 2u); // The log has lost it, too.
  end.log.pop_back();
  end.applied_seq = 1;
  BOOST_TEST(check(history, end).size() == 2u); // Nor was its seq ever applied.
  history = {append(first), durable(first, 1)};
  end = after({first});
  end.rows.clear();
  end.log.front().skipped = true;
  BOOST_TEST(check(history, end).size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_value_that_is_there_twice_is_found) {
  check_finds({append(first), done(first, 1)}, after({first, first}), "more than once");
}

BOOST_AUTO_TEST_CASE(a_value_that_was_never_sent_is_found) {
  auto end = after({first, other});
  end.log.back().who = {};
  const auto found = check({append(first), done(first, 1)}, end);
  BOOST_TEST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found.front().find("never sent") != std::string::npos, found.front());
  BOOST_TEST(found.back().find("not in the log") != std::string::npos, found.back());
}

BOOST_AUTO_TEST_CASE(a_value_that_failed_must_not_be_there) {
  check_finds({append(first), failed(first, errc::unavailable)}, after({first}), "failed and is");
}

BOOST_AUTO_TEST_CASE(a_value_that_failed_once_and_once_was_unknown_may_be_there) {
  BOOST_TEST(
    check({append(first), unknown(first), append(first), failed(first, errc::overloaded)}, after({first})).empty());
}

BOOST_AUTO_TEST_CASE(a_value_that_broke_a_constraint_must_not_be_there) {
  auto end = after({first});
  end.log.front().who = {};
  const auto found = check({{.who = first, .action = action::refused, .list = 7}, unknown(first)}, end);
  BOOST_TEST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found.front().find("broke a constraint") != std::string::npos, found.front());
}

BOOST_AUTO_TEST_CASE(what_is_refused_must_not_be_answered_ok) {
  check_finds(
    {{.who = first, .action = action::refused, .list = 7}, done(first, 1)},
    [] {
      auto end = after({first});
      end.rows.clear();
      return end;
    }(),
    "is lost");
}

BOOST_AUTO_TEST_CASE(a_rejection_needs_a_reason) {
  check_finds({append(first), failed(first, errc::malformed)}, after({}), "without a reason: malformed");
}

BOOST_AUTO_TEST_CASE(only_what_comes_under_anothers_name_is_told_so_and_has_no_outcome) {
  const event impostor{.who = second, .action = action::impostor, .list = 7, .named = true};
  BOOST_TEST(
    check({append(first), done(first, 1), impostor, failed(second, errc::name_taken)}, after({first})).empty());
  check_finds({append(first), failed(first, errc::name_taken)}, after({}), "without a reason: name_taken");
  const event anothers{.kind = event_kind::ok, .who = second, .seq = 1, .values = {first}};
  const auto found = check({append(first), done(first, 1), impostor, anothers}, after({first}));
  BOOST_TEST_REQUIRE(!found.empty());
  BOOST_TEST(std::ranges::any_of(
    found, [](const std::string& one) { return one.find("not its own: that of") != std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(a_name_is_not_forgotten) {
  check_finds({append(first), {.kind = event_kind::info, .who = first, .why = errc::name_forgotten}}, after({first}),
              "is forgotten");
}

BOOST_AUTO_TEST_CASE(a_clients_values_stand_in_its_order) {
  check_finds({append(first), unknown(first), append(second), unknown(second)}, after({second, first}),
              "stands after number 2 of its client");
}

BOOST_AUTO_TEST_CASE(values_stand_in_the_order_of_their_seq) {
  auto end = after({first, other});
  std::swap(end.rows[0], end.rows[1]);
  const auto found = check({append(first), append(other), done(first, 1), done(other, 2)}, end);
  BOOST_TEST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found.front().find("seq 1 is 1:1, and the database has 2:1") != std::string::npos, found.front());
  BOOST_TEST(found.back().find("stands after seq 2") != std::string::npos, found.back());
}

BOOST_AUTO_TEST_CASE(a_seq_belongs_to_one_value) {
  const auto found = check({append(first), append(other), done(first, 1), done(other, 1)}, after({first, other}));
  BOOST_TEST_REQUIRE(found.size() == 2u); // Nor does the log say that it is the other one's.
  BOOST_TEST(found.front().find("seq 1 was given to 1:1 and to 2:1") != std::string::npos, found.front());
}

BOOST_AUTO_TEST_CASE(a_value_has_one_seq_however_often_it_was_sent) {
  const auto found = check({append(first), done(first, 2), append(first), done(first, 1)}, after({first}));
  BOOST_TEST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found.front().find("was told seq 2 and then seq 1") != std::string::npos, found.front());
}

BOOST_AUTO_TEST_CASE(ok_and_rejected_are_two_answers) {
  check_finds({append(first), done(first, 1), append(first), failed(first, errc::deadline_exceeded)}, after({first}),
              "answered ok, and then rejected");
  check_finds({append(first), failed(first, errc::deadline_exceeded), append(first), done(first, 1)}, after({first}),
              "rejected, and then answered ok");
}

BOOST_AUTO_TEST_CASE(an_outcome_is_the_operations_own) {
  check_finds({append(first), {.kind = event_kind::ok, .who = first, .seq = 1, .values = {other}}}, after({first}),
              "not its own: that of 2:1");
  check_finds({append(first), durable(first, 1)}, after({first}), "not its own");
}

BOOST_AUTO_TEST_CASE(a_read_sees_a_beginning_of_the_list) {
  const std::vector<event> sent{append(first), append(other), unknown(first), unknown(other)};
  for (const auto& seen : {std::vector{other}, {first, second}, {first, other, first}}) {
    auto history = sent;
    history.push_back(read({3, 1}, consistency::any));
    history.push_back(saw({3, 1}, seen));
    check_finds(history, after({first, other}), "no beginning");
  }
}

BOOST_AUTO_TEST_CASE(a_list_never_shrinks_for_a_client) {
  check_finds({append(first), read({3, 1}, consistency::any), saw({3, 1}, {first}), read({3, 2}, consistency::any),
               saw({3, 2}, {}), read({4, 1}, consistency::any), saw({4, 1}, {})},
              after({first}), "after it had seen 1");
}

BOOST_AUTO_TEST_CASE(any_read_sees_what_was_answered_as_applied_before) {
  check_finds({append(first), done(first, 1), read({3, 1}, consistency::any), saw({3, 1}, {})}, after({first}),
              "acknowledged as applied before");
  BOOST_TEST(
    check({append(first), read({3, 1}, consistency::any), done(first, 1), saw({3, 1}, {})}, after({first})).empty());
  BOOST_TEST(check({append(first, ack::durable), durable(first, 1), read({3, 1}, consistency::any), saw({3, 1}, {})},
                   after({first}))
               .empty());
}

BOOST_AUTO_TEST_CASE(a_linearizable_read_sees_all_that_was_acknowledged_before) {
  check_finds(
    {append(first, ack::durable), durable(first, 1), read({3, 1}, consistency::linearizable), saw({3, 1}, {})},
    after({first}), "(linearizable) and saw 0 values, though 1");
}

BOOST_AUTO_TEST_CASE(a_read_at_least_at_a_seq_sees_all_up_to_it) {
  const std::vector<event> sent{append(first, ack::durable), durable(first, 1), append(other, ack::durable),
                                durable(other, 2)};
  auto history = sent;
  history.push_back(read({3, 1}, consistency::at_least, 2));
  history.push_back(saw({3, 1}, {first}));
  check_finds(history, after({first, other}), "at least at seq 2 and saw 1 values of 2");
  history = sent;
  history.push_back(read({3, 1}, consistency::at_least, 1));
  history.push_back(saw({3, 1}, {first}));
  BOOST_TEST(check(history, after({first, other})).empty());
}

BOOST_AUTO_TEST_CASE(the_sum_of_the_accounts_is_constant_for_every_reader_and_in_the_end) {
  const event asked{.who = first, .action = action::sum};
  check_finds({asked, {.kind = event_kind::ok, .who = first, .total = 199}}, after({}), "199 together");
  auto end = after({});
  end.balances = {99, 100};
  const auto found = check({}, end);
  BOOST_TEST_REQUIRE(found.size() == 2u); // Of one account, too.
  BOOST_TEST(found.back().find("do not hold 200") != std::string::npos, found.back());
}

BOOST_AUTO_TEST_CASE(an_account_holds_what_its_transfers_come_to) {
  auto end = after({});
  end.balances = {90, 110};
  BOOST_TEST(check({}, end).size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_the_log_holds_and_does_not_skip_is_there) {
  auto end = after({first, other});
  end.rows.erase(end.rows.begin());
  check_finds({append(first), unknown(first), append(other), done(other, 2)}, end, "seq 1 is 1:1");
}

BOOST_AUTO_TEST_CASE(the_log_has_no_gap) {
  auto end = after({first});
  end.applied_seq = 2;
  check_finds({append(first), done(first, 1)}, end, "seq 2 is applied, and the log holds 1");
}

BOOST_AUTO_TEST_CASE(what_is_acknowledged_is_not_skipped) {
  auto end = after({first});
  end.log.front().skipped = true;
  const auto found = check({append(first), done(first, 1)}, end);
  BOOST_TEST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found.front().find("the log says that it is skipped") != std::string::npos, found.front());
}

BOOST_AUTO_TEST_CASE(what_was_undone_is_not_there) {
  auto end = after({});
  end.refused = 1;
  check_finds({}, end, "1 rows of groups that were undone");
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_broken_often_fills_few_lines) {
  std::vector<event> history;
  for (std::uint32_t client = 1; client <= 1'000; ++client) {
    history.push_back(append({client, 1}));
    history.push_back(failed({client, 1}, errc::malformed));
  }
  check_finds({history.begin(), history.begin() + 2}, after({}), "1:1");
  const auto found = check(history, after({}));
  BOOST_TEST(found.size() == 3u);
  BOOST_TEST(found.back().find("and 997 more") != std::string::npos, found.back());
}

BOOST_AUTO_TEST_CASE(a_history_is_read_as_it_was_written_but_for_an_unfinished_line) {
  const temporary_folder folder;
  const auto file = folder.path() / "history";
  const std::vector<event> written{
    append(first, ack::durable), durable(first, 3),           read({3, 1}, consistency::at_least, 9),
    saw({3, 1}, {first, other}), failed(other, errc::locked), unknown(second)};
  {
    const history_writer writer{file};
    for (const auto& one : written) {
      writer.add(one);
    }
  }
  std::ofstream{file, std::ios::app} << "0 4 1";
  BOOST_TEST((read_history(file) == written));
}

BOOST_AUTO_TEST_SUITE_END()
