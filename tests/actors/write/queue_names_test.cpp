#include "queue_fixture.hpp"

#include <millrace/actors/write/queue.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct queue_names_fixture : queue_fixture {
  uuid client = new_client_id(0);

  transaction numbered(std::uint64_t number) const {
    auto work = insert(static_cast<int>(number));
    work.name = {client, number};
    return work;
  }

  /// A window of two outcomes that is full, so that the next name makes this client's be forgotten. Gives that one.
  transaction fill_window() {
    names = std::make_shared<name_index>(storage::outcome_window{.count = 2});
    start();
    start_writer();
    send_alone(numbered(7));
    send_alone(numbered(5));
    auto other = insert(1);
    other.name = {new_client_id(0), 1};
    return other;
  }
};

} // namespace

/// What becomes of transactions that are sent again.
BOOST_FIXTURE_TEST_SUITE(queue_names_suite, queue_names_fixture)

BOOST_AUTO_TEST_CASE(a_resend_of_what_is_under_way_gets_the_same_outcome_and_is_not_written_twice) {
  start();
  start_writer();
  const auto first = send(numbered(1));
  const auto same_batch = send(numbered(1));
  scheduler.run();
  const auto later = send_alone(numbered(1));
  applied(1, 1);
  for (const auto& one : {first, same_batch, later}) {
    BOOST_TEST(one->count == 1);
    BOOST_TEST(one->value->seq == 1);
    BOOST_TEST(one->value->results.size() == 1);
  }
  BOOST_TEST(look().durable_seq == 1);
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(room->bytes() == 0);
}

BOOST_AUTO_TEST_CASE(another_transaction_under_a_name_that_is_used_is_refused_in_flight_applied_and_in_the_next_life) {
  auto other = insert(5);
  other.name = {client, 1};
  auto same = numbered(1); // What it asks of the engine may differ.
  same.acknowledgement = ack::durable;
  same.deadline = std::chrono::milliseconds{100};
  same.priority = priority::operations;
  start();
  start_reader();
  const auto refused = [&](const char* when) {
    const auto answer = send_alone(other);
    BOOST_TEST(answer->code() == errc::name_taken, when);
    BOOST_TEST(answer->error.detail == "number 1, seq 1");
    BOOST_TEST(send_alone(same)->value.has_value(), when);
  };
  const auto first = send(numbered(1));
  const auto same_batch = send(other);
  scheduler.run();
  BOOST_TEST(same_batch->code() == errc::name_taken);
  refused("while it is durable");
  kill(waq);
  names = std::make_shared<name_index>(storage::outcome_window{}); // As in a new process.
  start();
  refused("when it was read from the log");
  start_writer();
  applied(1, 1);
  refused("when it is applied");
  BOOST_TEST(look().durable_seq == 1);
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(room->bytes() == 0);
}

BOOST_AUTO_TEST_CASE(a_resend_of_what_failed_gets_the_same_error) {
  start();
  start_writer();
  const auto first = send_alone(numbered(1));
  const auto again = send_alone(numbered(1));
  applied(1, 1, {1});
  BOOST_TEST(first->code() == errc::constraint);
  BOOST_TEST(again->code() == errc::constraint);
}

BOOST_AUTO_TEST_CASE(a_resend_of_what_is_applied_is_answered_from_the_record) {
  start();
  start_writer();
  start_reader();
  send_alone(numbered(1));
  applied(1, 1);
  const auto again = send_alone(numbered(1));
  BOOST_TEST((asked_records == std::vector<std::uint64_t>{1}));
  BOOST_TEST(again->value->results.at(0).rows_changed == 77);
  auto patient = numbered(1);
  patient.acknowledgement = ack::durable;
  BOOST_TEST(send_alone(patient)->value->seq == 1);
  BOOST_TEST(asked_records.size() == 2);
  keep_busy(0, 100); // It is applied: nothing may say that it had no effect.
  BOOST_TEST(send_alone(numbered(1))->code() == errc::outcome_unknown);
  BOOST_TEST(asked_records.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_resend_beyond_the_window_is_told_so) {
  names = std::make_shared<name_index>(storage::outcome_window{.count = 1});
  start();
  start_writer();
  send_alone(numbered(1));
  send_alone(numbered(2));
  applied(1, 2);
  BOOST_TEST(send_alone(numbered(1))->code() == errc::name_forgotten);
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_before_a_lower_number_that_came_later_is_forgotten_in_the_next_life_too) {
  const auto other = fill_window();
  send_alone(other);
  applied(1, 4);
  BOOST_REQUIRE(received.size() == 3);
  BOOST_REQUIRE(received[2]->items.size() == 2);
  const auto& note = std::get<transaction>(received[2]->items[1]);
  BOOST_TEST(storage::says_forgotten(note));
  BOOST_TEST((note.name == transaction_name{client, 7}));
  kill(waq);
  names = std::make_shared<name_index>(storage::outcome_window{.count = 2}); // As in a new process.
  start(3);
  BOOST_TEST(send_alone(numbered(7))->code() == errc::name_forgotten);
  BOOST_TEST(look().durable_seq == 4);
}

BOOST_AUTO_TEST_CASE(a_note_that_a_full_disk_refused_is_written_with_the_next_batch) {
  const auto other = fill_window();
  files.fail(operation::write, errc::disk_full, 0, 1);
  BOOST_TEST(send_alone(other)->code() == errc::disk_full);
  send_alone(insert(2));
  BOOST_REQUIRE(received.size() == 3);
  BOOST_REQUIRE(received[2]->items.size() == 2);
  BOOST_TEST(storage::says_forgotten(std::get<transaction>(received[2]->items[1])));
}

BOOST_AUTO_TEST_CASE(a_resend_after_the_queue_ended_is_known_from_the_log) {
  start();
  const auto first = send_alone(numbered(1));
  kill(waq);
  BOOST_TEST(first->code() == errc::outcome_unknown);
  names = std::make_shared<name_index>(storage::outcome_window{}); // As in a new process.
  start();
  const auto again = send_alone(numbered(1));
  start_writer();
  applied(1, 1);
  BOOST_TEST(again->value->seq == 1);
  BOOST_TEST(look().durable_seq == 1);
}

BOOST_AUTO_TEST_CASE(what_was_applied_in_an_earlier_life_is_answered_from_the_record_before_a_writer_is_there) {
  start();
  start_writer();
  send_alone(numbered(1));
  applied(1, 1);
  kill(waq);
  start(1);
  start_reader();
  // It may have been skipped, so that it is durable is not said again.
  const auto again = send_alone(durable(numbered(1)));
  BOOST_TEST(asked_records.size() == 1);
  BOOST_TEST(again->value->seq == 1);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_written_is_fresh_when_it_comes_again) {
  start();
  start_writer();
  files.fail(operation::write, errc::disk_full, 0, 1);
  BOOST_TEST(send_alone(numbered(1))->code() == errc::disk_full);
  const auto again = send_alone(numbered(1));
  applied(1, 1);
  BOOST_TEST(again->value->seq == 1);
}

BOOST_AUTO_TEST_CASE(a_writer_that_committed_and_ended_unheard_leaves_the_answer_in_the_record) {
  start();
  start_writer();
  start_reader();
  const auto named_one = send(numbered(1));
  const auto nameless = send(insert(2));
  scheduler.run();
  kill(writer);
  start_writer(2);
  BOOST_TEST(named_one->value->seq == 1);
  BOOST_TEST(nameless->code() == errc::outcome_unknown);
}

BOOST_AUTO_TEST_CASE(an_id_from_a_far_future_is_welcome_and_in_no_ones_way) {
  names = std::make_shared<name_index>(storage::outcome_window{.count = 2});
  start();
  start_writer();
  client = new_client_id(1'000'000'000'000);
  send_alone(numbered(1));
  applied(1, 1);
  for (std::uint64_t seq = 2; seq <= 6; ++seq) {
    client = new_client_id(board->durable_seq()->load());
    BOOST_TEST(issued_at_seq(client) == seq - 1);
    const auto first = send_alone(numbered(1));
    applied(seq, 1);
    BOOST_TEST(first->value.has_value());
  }
  client = new_client_id(0); // Of old, and perhaps one of those that are forgotten.
  BOOST_TEST(send_alone(numbered(1))->code() == errc::name_forgotten);
  BOOST_TEST(room->requests() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_in_the_log_and_not_applied_is_known_in_the_next_life_whoever_was_forgotten) {
  start();
  send_alone(insert(1));
  send_alone(numbered(1));
  kill(waq);
  names = std::make_shared<name_index>(storage::outcome_window{}); // As in a new process.
  storage::database_identity identity;
  identity.forgotten_upto = 1;
  names->load(identity);
  start(1);
  start_writer(1);
  const auto again = send_alone(numbered(1));
  applied(2, 1);
  BOOST_TEST(again->value->seq == 2);
}

BOOST_AUTO_TEST_CASE(a_resend_whose_deadline_passed_still_gets_the_outcome_of_the_first) {
  start();
  start_writer();
  send_alone(numbered(1));
  const auto again = send(numbered(1), monotonic_time::min());
  scheduler.run();
  applied(1, 1);
  BOOST_TEST(again->value->seq == 1);
}

BOOST_AUTO_TEST_SUITE_END()
