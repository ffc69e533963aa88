#include "queue_fixture.hpp"

#include <millrace/actors/write/queue.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct fixture : queue_fixture {
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
BOOST_FIXTURE_TEST_SUITE(queue_poison_suite, fixture)

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
