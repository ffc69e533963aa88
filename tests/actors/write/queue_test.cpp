#include "queue_fixture.hpp"

#include <millrace/actors/write/queue.hpp>
#include <millrace/messages/limits.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

using numbers = std::vector<std::uint64_t>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(queue_suite, queue_fixture)

BOOST_AUTO_TEST_CASE(what_arrives_before_the_sync_is_one_batch_in_order) {
  start();
  start_writer();
  for (int i = 0; i < 5; ++i) {
    send(insert(i));
  }
  scheduler.run();
  send_alone(insert(5));
  BOOST_TEST((received_from() == numbers{1, 6}));
  BOOST_REQUIRE_EQUAL(received.at(0)->items.size(), 5);
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(number_in(*received[0], static_cast<std::size_t>(i)) == i);
  }
  BOOST_TEST(received.at(1)->items.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_durable_acknowledgement_comes_after_the_sync_and_an_applied_one_after_the_commit) {
  start();
  const auto early = send(durable(insert(1)));
  const auto late = send(insert(2));
  scheduler.run();
  BOOST_REQUIRE(early->value.has_value()); // No writer is needed for this.
  BOOST_TEST(early->value->seq == 1);
  BOOST_TEST(early->value->results.empty());
  BOOST_TEST(late->count == 0);
  start_writer();
  BOOST_TEST(late->count == 0);
  applied(1, 2);
  BOOST_REQUIRE(late->value.has_value());
  BOOST_TEST(late->value->seq == 2);
  BOOST_TEST(late->value->results.size() == 1);
  BOOST_TEST(early->count == 1);
}

BOOST_AUTO_TEST_CASE(each_client_gets_its_own_outcome) {
  start();
  start_writer();
  std::vector<std::shared_ptr<reply<outcome>>> replies;
  for (int i = 0; i < 6; ++i) {
    replies.push_back(send(insert(i)));
  }
  scheduler.run();
  applied(1, 6, {2, 5});
  for (std::uint64_t i = 0; i < 6; ++i) {
    const auto seq = i + 1;
    BOOST_TEST(replies[i]->count == 1);
    if (seq == 2 || seq == 5) {
      BOOST_TEST(replies[i]->code() == errc::constraint);
      BOOST_TEST(replies[i]->error.detail == "seq " + std::to_string(seq));
    } else {
      BOOST_REQUIRE(replies[i]->value.has_value());
      BOOST_TEST(replies[i]->value->seq == seq);
    }
  }
}

BOOST_AUTO_TEST_CASE(room_is_given_back_once_it_is_applied_not_when_it_is_durable) {
  start();
  start_writer();
  send(durable(insert(1)));
  send(insert(2));
  scheduler.run();
  BOOST_TEST(room->requests() == 2);
  BOOST_TEST(room->bytes() > 0);
  applied(1, 2);
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(room->bytes() == 0);
}

BOOST_AUTO_TEST_CASE(a_deadline_that_passed_before_acceptance_rejects_and_uses_no_number) {
  start();
  start_writer();
  const auto late = send_alone(insert(1));
  applied(1, 1);
  const auto expired = send(insert(2), monotonic_time::min());
  scheduler.run();
  BOOST_TEST(expired->code() == errc::deadline_exceeded);
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(room->bytes() == 0);
  send_alone(insert(3));
  BOOST_TEST((received_from() == numbers{1, 2}));
  BOOST_TEST(number_in(*received[1], 0) == 3);
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_the_batch_and_its_numbers_are_given_to_the_next) {
  start();
  start_writer();
  send_alone(insert(1));
  files.fail(operation::write, errc::disk_full, 0, 1);
  const auto first = send(insert(2));
  const auto second = send(durable(insert(3)));
  scheduler.run();
  BOOST_TEST(first->code() == errc::disk_full);
  BOOST_TEST(second->code() == errc::disk_full);
  BOOST_TEST(look().blocked->code == errc::disk_full);
  BOOST_TEST(room->requests() == 1);
  const auto third = send_alone(durable(insert(4)));
  BOOST_TEST(third->value->seq == 2);
  BOOST_TEST(!look().blocked);
  BOOST_TEST((received_from() == numbers{1, 2}));
  BOOST_TEST(number_in(*received[1], 0) == 4);
  BOOST_TEST(fatal.empty());
}

BOOST_AUTO_TEST_CASE(what_the_disk_refuses_counts_against_the_breaker_and_what_is_too_large_does_not) {
  start();
  const auto failures = [this] { return guard->health(breaker::clock::now()).failures; };
  const auto large = ask<outcome>(waq, schema_script{"s", std::string(limits::transaction_bytes_max + 1, ' ')});
  scheduler.run();
  BOOST_TEST(large->code() == errc::too_large);
  BOOST_TEST(failures() == 0u);
  files.fail(operation::write, errc::disk_full, 0, 1);
  BOOST_TEST(send_alone(insert(1))->code() == errc::disk_full);
  BOOST_TEST(failures() == 1u);
}

BOOST_AUTO_TEST_CASE(a_drain_does_not_wait_for_what_a_full_disk_refused) {
  start();
  start_writer();
  files.fail(operation::write, errc::disk_full, 0, 1);
  const auto refused = send(insert(1));
  const auto drained = ask<std::uint64_t>(waq, atom::drain::value);
  scheduler.run();
  BOOST_TEST(refused->code() == errc::disk_full);
  BOOST_TEST(drained->value.has_value());
}

BOOST_AUTO_TEST_CASE(after_a_failed_sync_nothing_is_acknowledged_and_the_process_is_to_end) {
  start();
  start_writer();
  files.fail(operation::sync, errc::io_error, 0, 1);
  const auto early = send(durable(insert(1)));
  const auto late = send(insert(2));
  scheduler.run();
  BOOST_REQUIRE_EQUAL(fatal.size(), 1);
  BOOST_TEST(early->code() == errc::outcome_unknown);
  BOOST_TEST(late->code() == errc::outcome_unknown);
  BOOST_TEST(received.empty());
  const auto next = send_alone(durable(insert(3)));
  BOOST_TEST(next->code() == errc::outcome_unknown); // The queue is gone.
}

BOOST_AUTO_TEST_CASE(the_last_batch_gets_one_witness_when_the_queue_is_idle) {
  start();
  send_alone(insert(1));
  const auto before = files.changes();
  pass(200ms);
  const auto after = files.changes();
  BOOST_TEST(after > before);
  pass(2s);
  BOOST_TEST(files.changes() == after);
  BOOST_TEST(!scheduler.has_pending_timeout()); // Nor does it wake up for nothing.
}

BOOST_AUTO_TEST_CASE(segments_below_a_checkpoint_are_released) {
  start();
  start_writer();
  for (int i = 0; i < 10; ++i) {
    send_alone(execute("INSERT INTO t VALUES (?1)", std::string(30'000, 'x')));
    applied(static_cast<std::uint64_t>(i) + 1, 1);
  }
  const auto before = look();
  caf::send_as(writer, waq, database_checkpointed{10});
  scheduler.run();
  const auto after = look();
  BOOST_TEST(after.log_bytes < before.log_bytes);
  BOOST_TEST(after.checkpointed_seq == 10);
}

BOOST_AUTO_TEST_CASE(a_query_waits_until_what_it_asks_for_is_applied) {
  start();
  start_writer();
  start_reader();
  send_alone(insert(1));
  send_alone(insert(2));
  auto own = select("own write");
  own.consistency = consistency::at_least;
  own.at_least_seq = 1;
  auto all = select("everything");
  all.consistency = consistency::linearizable;
  const auto of_all = send(all);
  const auto of_own = send(own);
  scheduler.run();
  BOOST_TEST(questions.empty());
  applied(1, 1);
  BOOST_TEST((questions == std::vector<std::string>{"own write"}));
  BOOST_TEST(of_own->value.has_value());
  BOOST_TEST(of_all->count == 0);
  applied(2, 1);
  BOOST_TEST(of_all->value.has_value());
  const auto again = send(all);
  scheduler.run();
  BOOST_TEST(again->value.has_value());                            // Nothing to wait for.
  BOOST_TEST((least_seqs == std::vector<std::uint64_t>{1, 2, 2})); // So that its reader looks, too.
  BOOST_TEST(board->queue_room().requests() == 0u);
  BOOST_TEST(board->queue_room().bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_query_that_waits_is_expired_at_its_deadline) {
  start();
  start_writer();
  start_reader();
  send_alone(insert(1));
  auto question = select("x");
  question.consistency = consistency::linearizable;
  const auto impatient = send(question, monotonic_time::min());
  const auto patient = send(question);
  scheduler.run();
  pass(50ms);
  BOOST_TEST(impatient->code() == errc::deadline_exceeded);
  BOOST_TEST(patient->count == 0);
  applied(1, 1);
  BOOST_TEST(patient->value.has_value());
  BOOST_TEST(board->queue_room().requests() == 0u);
  BOOST_TEST(board->queue_room().bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_query_for_a_number_that_was_never_given_out_is_malformed) {
  start();
  start_writer();
  start_reader();
  auto question = select("x");
  question.consistency = consistency::at_least;
  question.at_least_seq = 7;
  const auto lost = send(question);
  scheduler.run();
  BOOST_TEST(lost->code() == errc::malformed);
  BOOST_TEST(board->queue_room().requests() == 0u);
  BOOST_TEST(board->queue_room().bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_query_that_finds_no_reader_is_told_why) {
  start();
  start_writer();
  auto question = select("x");
  question.consistency = consistency::linearizable;
  const auto early = send(question);
  scheduler.run();
  BOOST_TEST(early->code() == errc::unavailable);
  board->close();
  const auto late = send(question);
  scheduler.run();
  BOOST_TEST(late->code() == errc::shutting_down);
  BOOST_TEST(board->queue_room().requests() == 0u);
  BOOST_TEST(board->queue_room().bytes() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
