#include "queue_fixture.hpp"

#include <millrace/actors/write/queue.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

using numbers = std::vector<std::uint64_t>;

} // namespace

/// What the queue does when it, or the writer, ends and comes back.
BOOST_FIXTURE_TEST_SUITE(queue_restart_suite, queue_fixture)

BOOST_AUTO_TEST_CASE(a_killed_queue_answers_every_promise_and_the_next_one_recovers_from_the_log) {
  start();
  start_writer();
  start_reader();
  const auto early = send(durable(insert(1)));
  const auto late = send(insert(2));
  scheduler.run();
  auto question = select("x");
  question.consistency = consistency::linearizable;
  const auto waiting = send(question);
  const auto drained = ask<std::uint64_t>(waq, atom::drain::value);
  scheduler.run();
  kill(waq);
  BOOST_TEST(early->value.has_value());
  BOOST_TEST(late->code() == errc::outcome_unknown);
  BOOST_TEST(waiting->code() == errc::unavailable);
  BOOST_TEST(drained->code() == errc::unavailable);

  received.clear();
  start();
  start_writer();
  BOOST_TEST((received_from() == numbers{1}));
  BOOST_TEST(received.at(0)->items.size() == 2);
  const auto next = send_alone(insert(3));
  applied(1, 2);
  applied(3, 1);
  BOOST_TEST(next->value->seq == 3);
  BOOST_TEST(late->count == 1);
}

BOOST_AUTO_TEST_CASE(what_stands_in_the_mailbox_of_a_killed_queue_is_answered_too) {
  start();
  // The kill comes first, then the requests.
  end(caf::actor_cast<caf::actor>(waq));
  const auto one = send(insert(1));
  const auto other = send(durable(insert(2)));
  scheduler.run();
  BOOST_TEST(one->code() == errc::outcome_unknown);
  BOOST_TEST(other->code() == errc::outcome_unknown);
}

BOOST_AUTO_TEST_CASE(what_a_killed_queue_held_of_the_bound_is_free_for_the_next) {
  start();
  send_alone(insert(1));
  end(caf::actor_cast<caf::actor>(waq));
  send(insert(2)); // Never reaches it.
  scheduler.run();
  BOOST_TEST(room->requests() == 2);
  board->connect("queue", nullptr);
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(room->bytes() == 0);
}

BOOST_AUTO_TEST_CASE(a_transaction_that_is_sent_before_the_next_queue_has_begun_keeps_its_room) {
  start();
  kill(waq);
  board->connect("queue", nullptr);
  start();
  start_writer();
  const auto quick = send(insert(1));
  BOOST_TEST(room->requests() == 1);
  scheduler.run();
  BOOST_TEST(room->requests() == 1);
  applied(1, 1);
  BOOST_TEST(quick->value.has_value());
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(room->bytes() == 0);
}

BOOST_AUTO_TEST_CASE(batches_beyond_the_window_are_read_back_from_the_log_in_order) {
  start(0, 1);
  std::vector<std::shared_ptr<reply<outcome>>> replies;
  for (int i = 0; i < 30; ++i) {
    replies.push_back(send_alone(insert(i)));
  }
  start_writer();
  for (std::uint64_t seq = 1; seq <= 30; ++seq) {
    BOOST_REQUIRE(received.size() >= seq);
    BOOST_TEST(received[seq - 1]->first_seq == seq);
    BOOST_TEST(number_in(*received[seq - 1], 0) == static_cast<std::int64_t>(seq) - 1);
    applied(seq, 1);
  }
  for (const auto& one : replies) {
    BOOST_TEST(one->value.has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_log_that_cannot_be_read_back_ends_the_queue_and_skips_nothing) {
  start(0, 1);
  const auto one = send_alone(insert(1));
  files.fail(operation::read, errc::io_error); // The window does not hold it.
  start_writer();
  BOOST_TEST(received.empty());
  BOOST_TEST(one->code() == errc::outcome_unknown);
  files.heal();
  start();
  start_writer();
  BOOST_TEST((received_from() == numbers{1}));
}

BOOST_AUTO_TEST_CASE(a_window_that_ran_over_goes_on_in_memory_once_the_writer_has_caught_up) {
  const auto bytes = payload_bytes(insert(0));
  start(0, 3 * bytes);
  for (int i = 0; i < 10; ++i) {
    send_alone(insert(i));
  }
  start_writer();
  std::uint64_t next = 1;
  const auto apply_what_was_given = [&] {
    while (next <= received.size()) {
      applied(next++, 1);
    }
  };
  apply_what_was_given();
  for (int i = 10; i < 14; ++i) {
    send_alone(insert(i));
  }
  files.fail(operation::read, errc::io_error); // The window is all it needs for these.
  apply_what_was_given();
  send_alone(insert(14));
  apply_what_was_given();
  BOOST_REQUIRE_EQUAL(received.size(), 15);
  for (std::size_t i = 0; i < received.size(); ++i) {
    BOOST_TEST(number_in(*received[i], 0) == static_cast<std::int64_t>(i));
  }
}

BOOST_AUTO_TEST_CASE(a_new_writer_is_sent_what_the_killed_one_had_not_applied) {
  start();
  start_writer();
  std::vector<std::shared_ptr<reply<outcome>>> replies;
  for (int i = 0; i < 6; ++i) {
    replies.push_back(send_alone(insert(i)));
  }
  applied(1, 2);
  kill(writer);
  send_alone(insert(6)); // Nobody applies this yet.
  BOOST_TEST((received_from() == numbers{1, 2, 3, 4, 5, 6}));
  received.clear();
  start_writer(2);
  BOOST_TEST((received_from() == numbers{3, 4, 5, 6, 7}));
  for (std::uint64_t seq = 3; seq <= 7; ++seq) {
    applied(seq, 1);
  }
  for (const auto& one : replies) {
    BOOST_TEST(one->value.has_value());
    BOOST_TEST(one->count == 1);
  }
}

BOOST_AUTO_TEST_CASE(what_a_writer_committed_without_reporting_is_unknown_and_is_not_sent_again) {
  start();
  start_writer();
  const auto committed = send_alone(insert(1));
  const auto acknowledged = send_alone(durable(insert(2)));
  const auto open = send_alone(insert(3));
  kill(writer);
  received.clear();
  start_writer(2);
  BOOST_TEST(committed->code() == errc::outcome_unknown);
  BOOST_TEST(acknowledged->count == 1);
  BOOST_TEST(acknowledged->value.has_value());
  BOOST_TEST((received_from() == numbers{3}));
  applied(3, 1);
  BOOST_TEST(open->value.has_value());
  BOOST_TEST(room->requests() == 0);
}

BOOST_AUTO_TEST_CASE(an_older_copy_of_the_database_ends_the_queue_and_the_next_one_sends_what_that_lacks) {
  start();
  start_writer();
  send_alone(insert(1));
  send_alone(insert(2));
  const auto open = send_alone(insert(3));
  applied(1, 2);
  start_writer(1);
  BOOST_TEST(open->code() == errc::outcome_unknown);
  BOOST_TEST(applied_seq->load() == 1);
  received.clear();
  start(1);
  start_writer(1);
  BOOST_TEST((received_from() == numbers{2, 3, 4}));
  BOOST_TEST(std::holds_alternative<storage::stretch_end>(received.at(2)->items.at(0)));
  applied(2, 3);
  const auto next = send_alone(insert(4));
  applied(5, 1);
  BOOST_TEST(next->value.has_value());
}

BOOST_AUTO_TEST_CASE(a_copy_that_is_older_than_the_log_is_given_nothing_and_that_is_said) {
  start();
  start_writer();
  const auto filler = execute("INSERT INTO t VALUES (?1)", std::string(10'000, 'x'));
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    send_alone(filler);
    applied(seq, 1);
  }
  caf::send_as(writer, waq, database_checkpointed{20});
  scheduler.run();
  received.clear();
  start_writer(1);
  const auto waiting = send_alone(insert(21));
  BOOST_TEST(received.empty());
  BOOST_REQUIRE(look().blocked.has_value());
  BOOST_TEST((look().blocked->code == errc::database_gone));
  BOOST_TEST(waiting->count == 0);
  BOOST_TEST(reopened == 0);
  pass(std::chrono::seconds{1});
  BOOST_TEST(reopened == 1);

  caf::send_as(writer, waq, writer_ready{20, 0, 7}); // The right one is back.
  scheduler.run();
  BOOST_TEST((received_from() == numbers{21}));
  applied(21, 1);
  BOOST_TEST(waiting->value.has_value());
  BOOST_TEST(!look().blocked.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_left_of_a_batch_is_of_the_same_frame) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  scheduler.run();
  const auto whole = received.at(0);
  kill(writer);
  received.clear();
  start_writer(1);
  BOOST_REQUIRE((received_from() == numbers{2}));
  BOOST_TEST(whole->chain != 0u);
  BOOST_TEST(received[0]->chain == whole->chain);
}

BOOST_AUTO_TEST_CASE(a_database_that_was_written_under_another_log_is_given_nothing_wherever_it_ends) {
  start();
  start_writer();
  send_alone(insert(1));
  send_alone(insert(2));
  applied(1, 2);
  const auto chain = received.at(1)->chain;
  BOOST_TEST(chain != 0u);
  received.clear();
  for (const std::uint64_t seq : {1, 2, 9}) {
    caf::send_as(writer, waq, writer_ready{{seq, chain + 1}, 0, 7});
    caf::send_as(writer, waq, database_checkpointed{seq});
    scheduler.run();
    BOOST_TEST(send_alone(durable(insert(3)))->value.has_value());
    BOOST_TEST(received.empty());
    BOOST_REQUIRE(look().blocked.has_value());
    BOOST_TEST((look().blocked->code == errc::database_gone));
    BOOST_TEST(look().checkpointed_seq == 0u);
  }
  pass(std::chrono::seconds{1});
  BOOST_TEST(reopened == 3);

  caf::send_as(writer, waq, writer_ready{{2, chain}, 0, 8}); // The right one is back.
  scheduler.run();
  BOOST_TEST((received_from() == numbers{3, 4, 5}));
  BOOST_TEST(!look().blocked.has_value());
}

BOOST_AUTO_TEST_CASE(the_writer_holds_a_bounded_number_of_batches) {
  start();
  start_writer();
  for (int i = 0; i < 100; ++i) {
    send_alone(insert(i));
  }
  const auto held = received.size();
  BOOST_TEST(held < 20);
  applied(1, held); // One report for all that it merged.
  BOOST_TEST(received.size() > held);
  BOOST_TEST(received.size() < 40);
}

BOOST_AUTO_TEST_CASE(a_drain_waits_for_everything_that_was_accepted_before_it) {
  start();
  start_writer();
  send(insert(1));
  send(insert(2));
  const auto drained = ask<std::uint64_t>(waq, atom::drain::value);
  scheduler.run();
  BOOST_TEST(drained->count == 0);
  applied(1, 2);
  BOOST_REQUIRE(drained->value.has_value());
  BOOST_TEST(*drained->value == 2);
}

BOOST_AUTO_TEST_CASE(a_queue_whose_log_cannot_be_opened_ends_and_answers) {
  files.fail(operation::list, errc::io_error);
  start();
  const auto refused = send(insert(1));
  scheduler.run();
  BOOST_TEST(refused->code() == errc::outcome_unknown);
  BOOST_TEST(fatal.empty()); // The supervisor decides.
}

BOOST_AUTO_TEST_SUITE_END()
