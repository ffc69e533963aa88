#include "queue_fixture.hpp"

#include <millrace/actors/write/queue.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct queue_poison_fixture : queue_fixture {
  /// The writer dies while it runs `seq`, of a call that applies `first` to `last`; another one comes.
  void die(std::uint64_t first, std::uint64_t last, std::uint64_t seq, std::uint64_t applied_before = 0) {
    attempts->begin(first, last);
    attempts->at(seq);
    kill(writer);
    received.clear();
    start_writer(applied_before);
  }

  std::uint64_t skipped_in(std::size_t i) const {
    return received.at(i)->skipped.empty() ? 0 : received[i]->skipped[0].seq;
  }
};

} // namespace

/// Transactions that end the writer, and those that wait too long.
BOOST_FIXTURE_TEST_SUITE(queue_poison_suite, queue_poison_fixture)

BOOST_AUTO_TEST_CASE(after_a_death_all_that_was_tried_is_tried_one_by_one) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  send(insert(3));
  scheduler.run();
  send_alone(insert(4));
  die(1, 3, 2);
  BOOST_TEST(received.size() == 1);
  BOOST_TEST(received[0]->first_seq == 1);
  BOOST_TEST(received[0]->items.size() == 1);
  applied(1, 1);
  BOOST_TEST(received.size() == 2);
  BOOST_TEST(number_in(*received[1], 0) == 2);
  applied(2, 1);
  applied(3, 1);
  BOOST_TEST(received.back()->first_seq == 4);
  BOOST_TEST(attempts->suspect().seq == 2);
  BOOST_TEST(attempts->suspect().deaths == 1);
}

BOOST_AUTO_TEST_CASE(what_ends_the_writer_three_times_is_set_aside_and_its_successors_proceed) {
  start();
  start_writer();
  const auto before = send(insert(1));
  const auto poison = send(insert(2));
  const auto after = send(insert(3));
  scheduler.run();
  die(1, 3, 2);
  applied(1, 1);
  die(2, 2, 2, 1);
  die(2, 2, 2, 1);
  BOOST_TEST(skipped_in(0) == 2);
  BOOST_TEST(received[0]->skipped[0].deaths == 3);
  BOOST_TEST((received[0]->skipped[0].why == errc::quarantined));
  caf::send_as(writer, waq,
               batch_applied{2, std::make_shared<std::vector<storage::answer>>(
                                  std::vector<storage::answer>{tl::unexpected{failure{errc::quarantined, ""}}})});
  scheduler.run();
  applied(3, 1);
  BOOST_TEST(before->value->seq == 1);
  BOOST_TEST(poison->code() == errc::quarantined);
  BOOST_TEST(after->value->seq == 3);
}

BOOST_AUTO_TEST_CASE(as_many_are_in_quarantine_as_the_writer_says) {
  start();
  start_writer(0, 1);
  BOOST_TEST(look().quarantined == 1);
  ask<outcome>(waq, ordered_work{{1, storage::quarantine_order::action::discard}});
  scheduler.run();
  applied(1, 1); // None is left.
  BOOST_TEST(look().quarantined == 0);
}

BOOST_AUTO_TEST_CASE(deaths_are_counted_over_processes_and_the_order_to_skip_is_read_from_the_log) {
  start();
  start_writer();
  send_alone(insert(1));
  for (int death = 1; death <= 3; ++death) {
    attempts->begin(1, 1);
    attempts->at(1);
    kill(waq);
    kill(writer);
    attempts = open_attempts();
    received.clear();
    start();
    start_writer();
    BOOST_TEST(skipped_in(0) == (death == 3 ? 1 : 0));
  }
  // Once more, from the log alone.
  kill(waq);
  kill(writer);
  received.clear();
  start();
  start_writer();
  BOOST_TEST(skipped_in(0) == 1);
}

BOOST_AUTO_TEST_CASE(nobody_is_accused_of_a_death_in_the_commit_of_many) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  scheduler.run();
  die(1, 2, 0);
  BOOST_TEST(attempts->suspect().deaths == 0);
  BOOST_TEST(received.at(0)->items.size() == 1);
  die(1, 1, 0);
  BOOST_TEST(attempts->suspect().seq == 1);
}

BOOST_AUTO_TEST_CASE(a_writer_that_ends_between_two_calls_accuses_nobody) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  scheduler.run();
  kill(writer);
  received.clear();
  start_writer();
  BOOST_TEST(received.at(0)->items.size() == 2);
  BOOST_TEST(attempts->suspect().deaths == 0);
}

BOOST_AUTO_TEST_CASE(while_the_disk_is_full_nothing_is_set_aside_and_nothing_passes_it) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  scheduler.run();
  die(1, 2, 1);
  die(1, 1, 1);
  files.fail(operation::write, errc::disk_full, 0, 1);
  die(1, 1, 1);
  BOOST_TEST(received.empty());
  pass(std::chrono::milliseconds{50});
  BOOST_TEST(skipped_in(0) == 1);
}

BOOST_AUTO_TEST_CASE(one_of_many_that_a_commit_refused_is_looked_for_by_halves) {
  start();
  start_writer();
  for (int number = 1; number <= 8; ++number) {
    send(insert(number));
  }
  scheduler.run();
  const auto given = [this] { return received.size() == 1 ? received[0]->items.size() : 0; };
  for (const auto count : {8u, 4u, 2u}) {
    refused(1, count);
    BOOST_TEST(given() == count / 2);
  }
  BOOST_TEST(attempts->suspect().deaths == 0); // Nobody was alone yet.
  applied(1, 1);
  BOOST_TEST(received.back()->first_seq == 2);
  BOOST_TEST(received.back()->items.size() == 1);
}

BOOST_AUTO_TEST_CASE(what_is_refused_alone_though_the_machine_is_well_is_set_aside_after_three_attempts) {
  start();
  start_writer();
  const auto culprit = send(insert(1));
  send(insert(2));
  scheduler.run();
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    BOOST_TEST(received.at(0)->skipped.empty());
    refused(1, 1);
    BOOST_TEST(attempts->suspect().deaths == attempt);
  }
  BOOST_TEST(skipped_in(0) == 1);
  BOOST_TEST((received[0]->skipped[0].why == errc::quarantined));
  BOOST_TEST(received[0]->skipped[0].reason != "");
  BOOST_TEST(look().durable_seq == 3); // The order stands in the log.
}

BOOST_AUTO_TEST_CASE(what_took_more_than_it_may_is_set_aside_at_once) {
  for (const auto& [why, skipped_as] :
       {std::pair{errc::deadline_exceeded, errc::quarantined}, std::pair{errc::too_large, errc::too_large}}) {
    start();
    const auto first = look().durable_seq + 1;
    start_writer(first - 1);
    send_alone(insert(1));
    refused(first, 1, why, true);
    BOOST_TEST(skipped_in(0) == first);
    BOOST_TEST((received.at(0)->skipped.at(0).why == skipped_as));
    BOOST_TEST(received[0]->skipped[0].reason != "");
    applied(first, 2, {first});
    kill(waq);
    kill(writer);
    received.clear();
  }
}

BOOST_AUTO_TEST_CASE(what_computes_beyond_its_own_deadline_is_refused_for_that_unless_it_was_promised) {
  start();
  start_writer();
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{30};
  send(insert(1), soon);
  send(durable(insert(2)), soon);
  scheduler.run();
  while (std::chrono::steady_clock::now() <= soon) {}
  refused(1, 1, errc::deadline_exceeded, true);
  BOOST_TEST((received.at(0)->skipped.at(0).why == errc::deadline_exceeded));
  applied(1, 1, {1});
  refused(2, 1, errc::deadline_exceeded, true);
  BOOST_TEST((received.at(0)->skipped.at(0).why == errc::quarantined));
}

BOOST_AUTO_TEST_CASE(a_change_that_took_longer_than_its_own_timeout_is_skipped_though_nobody_knows_who_was_told) {
  start();
  start_writer();
  send(durable(insert(1)));
  scheduler.run();
  received.clear();
  caf::send_as(writer, waq, work_refused{1, 1, true, {errc::deadline_exceeded, "injected"}, true});
  caf::send_as(writer, waq, writer_ready{0});
  scheduler.run();
  BOOST_TEST(skipped_in(0) == 1);
  BOOST_TEST((received[0]->skipped[0].why == errc::deadline_exceeded));
}

BOOST_AUTO_TEST_CASE(that_a_change_came_to_its_end_in_time_stands_in_the_log_once) {
  start();
  start_writer();
  const auto asked = ask<outcome>(waq, schema_change{.sql = "CREATE TABLE t(a)", .timeout = std::chrono::seconds{1}});
  scheduler.run();
  BOOST_TEST(received.at(0)->skipped.empty());
  applied(1, 1);
  BOOST_TEST(look().durable_seq == 2u);
  BOOST_TEST(asked->value.has_value());
  kill(waq);
  kill(writer);
  received.clear();
  start(); // Over an older copy.
  start_writer();
  BOOST_TEST(skipped_in(0) == 1u);
  BOOST_TEST((received.at(0)->skipped.at(0).why == errc::none));
  applied(1, 2);
  BOOST_TEST(look().durable_seq == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_promised_after_it_was_to_be_given_up_is_kept) {
  start();
  start_writer();
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{30};
  auto work = insert(1);
  work.name = {new_client_id(0), 1};
  send(work, soon);
  scheduler.run();
  while (std::chrono::steady_clock::now() <= soon) {}
  caf::send_as(writer, waq, work_refused{1, 1, true, {errc::deadline_exceeded, "injected"}});
  scheduler.run();
  const auto resent = send(durable(work));
  scheduler.run();
  BOOST_REQUIRE(resent->value.has_value());
  BOOST_TEST(resent->value->seq == 1);
  received.clear();
  caf::send_as(writer, waq, writer_ready{0});
  scheduler.run();
  BOOST_TEST(skipped_in(0) == 1);
  BOOST_TEST((received[0]->skipped[0].why == errc::quarantined));
}

BOOST_AUTO_TEST_CASE(an_order_to_set_aside_that_is_given_again_calls_nothing_off) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  scheduler.run();
  const auto asked = ask<outcome>(waq, quarantine_set_aside{1});
  const auto again = ask<outcome>(waq, quarantine_set_aside{1});
  scheduler.run();
  BOOST_TEST(reopened == 1);
  caf::send_as(writer, waq, writer_ready{0});
  scheduler.run();
  BOOST_TEST(asked->value->seq == 1);
  BOOST_TEST(again->code() == errc::not_found);
  const auto late = ask<outcome>(waq, quarantine_set_aside{1});
  scheduler.run();
  BOOST_TEST(late->code() == errc::not_found);
  BOOST_TEST(reopened == 1);
}

BOOST_AUTO_TEST_CASE(an_operator_sets_aside_what_is_tried_once_the_writer_holds_it_no_more) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  scheduler.run();
  const auto asked = ask<outcome>(waq, quarantine_set_aside{1});
  scheduler.run();
  BOOST_TEST(reopened == 1);
  BOOST_TEST(board->called_off()->load()); // What the writer computes is undone.
  send_alone(insert(3));
  BOOST_TEST(asked->count == 0);
  BOOST_TEST(look().durable_seq == 3); // It may be committed at this moment.
  received.clear();
  caf::send_as(writer, waq, writer_ready{0});
  scheduler.run();
  BOOST_TEST(asked->value->seq == 1);
  BOOST_TEST(look().durable_seq == 4);
  BOOST_TEST(skipped_in(0) == 1);
  BOOST_TEST(received[0]->skipped[0].deaths == 0);
}

BOOST_AUTO_TEST_CASE(what_was_applied_before_the_writer_let_go_of_it_is_not_set_aside) {
  start();
  start_writer();
  send_alone(insert(1));
  const auto asked = ask<outcome>(waq, quarantine_set_aside{1});
  scheduler.run();
  applied(1, 1);
  caf::send_as(writer, waq, writer_ready{1});
  scheduler.run();
  BOOST_TEST(asked->code() == errc::not_found);
  BOOST_TEST(look().durable_seq == 1);
  for (const std::uint64_t seq : {0, 1, 2}) { // Nothing, applied, and never given out.
    const auto other = ask<outcome>(waq, quarantine_set_aside{seq});
    scheduler.run();
    BOOST_TEST(other->code() == errc::not_found);
  }
}

BOOST_AUTO_TEST_CASE(an_operator_is_answered_where_the_queue_ends_before_or_the_log_is_full) {
  start();
  start_writer();
  send_alone(insert(1));
  const auto first = ask<outcome>(waq, quarantine_set_aside{1});
  scheduler.run();
  kill(waq);
  BOOST_TEST(first->code() == errc::unavailable);
  start();
  start_writer();
  const auto second = ask<outcome>(waq, quarantine_set_aside{1});
  scheduler.run();
  files.fail(operation::write, errc::disk_full, 0, 1);
  received.clear();
  caf::send_as(writer, waq, writer_ready{0});
  scheduler.run();
  BOOST_TEST(second->count == 0);
  BOOST_TEST(received.empty());
  pass(std::chrono::milliseconds{50});
  BOOST_TEST(second->value->seq == 1);
  BOOST_TEST(skipped_in(0) == 1);
}

BOOST_AUTO_TEST_CASE(what_waits_beyond_its_deadline_is_dropped_before_it_is_tried) {
  start();
  const auto in_time = send(insert(1));
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{30};
  const auto late = send(insert(2), soon);
  const auto promised = send(durable(insert(3)), soon);
  scheduler.run();
  BOOST_TEST(promised->value->seq == 3);
  while (std::chrono::steady_clock::now() <= soon) {}
  start_writer();
  BOOST_TEST(received.at(0)->items.size() == 3);
  BOOST_TEST(received[0]->skipped.size() == 1);
  BOOST_TEST(skipped_in(0) == 2);
  BOOST_TEST((received[0]->skipped[0].why == errc::deadline_exceeded));
  applied(1, 3, {2});
  BOOST_TEST(in_time->value->seq == 1);
  BOOST_TEST(late->count == 1);
}

BOOST_AUTO_TEST_CASE(what_is_late_is_applied_where_a_full_disk_refuses_the_order_to_drop_it) {
  start();
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{30};
  const auto late = send(insert(1), soon);
  scheduler.run();
  while (std::chrono::steady_clock::now() <= soon) {}
  files.fail(operation::write, errc::disk_full, 0, 1);
  start_writer();
  BOOST_TEST(received.at(0)->items.size() == 1);
  BOOST_TEST(received[0]->skipped.empty());
  applied(1, 1);
  BOOST_TEST(late->value->seq == 1);
}

BOOST_AUTO_TEST_CASE(a_foreign_commit_ends_the_stretch_in_the_log) {
  start();
  start_writer();
  send_alone(insert(1));
  applied(1, 1);
  caf::send_as(writer, waq, foreign_commit_seen{});
  scheduler.run();
  BOOST_TEST(std::holds_alternative<storage::stretch_end>(received.back()->items.at(0)));
}

BOOST_AUTO_TEST_CASE(the_end_of_a_stretch_that_a_full_disk_refused_is_written_with_the_next_batch_or_after_a_while) {
  start();
  start_writer();
  for (const bool alone : {false, true}) {
    files.fail(operation::write, errc::disk_full, 0, 1);
    caf::send_as(writer, waq, foreign_commit_seen{});
    scheduler.run();
    if (alone) {
      pass(std::chrono::milliseconds{50});
    } else {
      send_alone(insert(1));
    }
    BOOST_REQUIRE(!received.empty());
    BOOST_TEST(std::holds_alternative<storage::stretch_end>(received.back()->items.back()));
    BOOST_TEST(received.back()->items.size() == (alone ? 1 : 2));
  }
  BOOST_TEST(look().durable_seq == 3);
}

BOOST_AUTO_TEST_SUITE_END()
