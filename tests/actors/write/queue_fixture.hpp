#pragma once

#include <millrace/actors/write/queue.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>
#include <millrace/tests/support/actors/reading_door.hpp>
#include <millrace/tests/support/disks/faulty_file_system.hpp>

namespace millrace::test {

/// A queue over a real log in a real folder, between a fake writer and a fake reader.
struct queue_fixture : actor_fixture {
  faulty_file_system files{storage::posix_file_system()};
  std::vector<std::string> fatal;           ///< What `on_fatal` was told.
  std::vector<storage::batch_ptr> received; ///< By fake writers, in order.
  int reopened = 0;                         ///< How often fake writers were asked to open their database anew.
  std::vector<std::string> questions;       ///< SQL of what the fake reader was asked, in order.
  std::vector<std::uint64_t> least_seqs;    ///< What the state must hold for each of them.
  std::shared_ptr<name_index> names = std::make_shared<name_index>(storage::outcome_window{});
  /// As the page of a process: fakes mark in it what they try.
  std::shared_ptr<storage::attempt_page> attempts = open_attempts();
  std::shared_ptr<breaker> guard = std::make_shared<breaker>(breaker_options{.failures_min = 1'000});
  std::vector<std::uint64_t> asked_records; ///< `seq`s whose recorded outcome the fake reader was asked for.
  std::shared_ptr<std::atomic<std::uint64_t>> applied_seq; ///< As the newest queue says it.
  queue_actor waq;
  caf::actor writer;

  ~queue_fixture() { end_all(); }

  /// Starts a queue; `applied_before` is what recovery is told of the database.
  void start(std::uint64_t applied_before = 0, std::uint64_t window_bytes_max = 1'000'000) {
    auto open_again = [this, applied_before] {
      const uuid database{1, 2, 3};
      const storage::log_options small{.segment_bytes = 65'536, .spare_segments = 1};
      storage::recovery_report report;
      return open_log(files, folder.path() / "queue", database, applied_before, small, report);
    };
    applied_seq = std::make_shared<std::atomic<std::uint64_t>>(applied_before);
    waq = track(
      system.spawn(queue, queue_options{.open_log = open_again,
                                        .board = board,
                                        .room = room,
                                        .names = names,
                                        .attempts = attempts,
                                        .breaker = guard,
                                        .applied_seq = applied_seq,
                                        .window_bytes_max = window_bytes_max,
                                        .on_fatal = [this](const std::string& why) { fatal.push_back(why); }}));
    board->connect("queue", caf::actor_cast<caf::actor>(waq));
    scheduler.run();
  }

  /// A writer whose database holds everything up to `applied_before`, and which only notes what it is given.
  void start_writer(std::uint64_t applied_before = 0, std::uint64_t quarantined = 0) {
    writer = track(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const apply_batch& given) { received.push_back(given.work); },
              [this](atom::reopen) { ++reopened; }};
    }));
    caf::send_as(writer, waq, writer_ready{applied_before, quarantined});
    scheduler.run();
  }

  void start_reader() {
    const auto fake = track(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](atom::run) {
                take_all(*board, 0, [this](const caf::mailbox_element& message) {
                  const auto& asked = message.content().get_as<admitted_query>(0);
                  questions.push_back(asked.question.statement.sql);
                  least_seqs.push_back(asked.least_seq);
                  millrace::answer(message, caf::make_message(row_set{}));
                });
              },
              [this](const recorded_outcome_request& asked) {
                asked_records.push_back(asked.seq);
                return outcome{.seq = asked.seq,
                               .results = {{.rows_changed = 77, .last_row_id = 0, .rows = {}, .error = {}}}};
              }};
    }));
    board->connect("reader-1", fake);
  }

  std::shared_ptr<storage::attempt_page> open_attempts() const {
    auto opened = storage::attempt_page::open(folder.path() / "attempt", uuid{1, 2, 3});
    BOOST_REQUIRE(opened);
    return std::move(*opened);
  }

  /// Sends a transaction as the front does.
  std::shared_ptr<reply<outcome>> send(transaction work, monotonic_time deadline = monotonic_time::max()) {
    auto request = admitted(std::move(work), deadline);
    BOOST_REQUIRE(room->take(request.bytes));
    return ask<outcome>(waq, std::move(request));
  }

  /// The same for a query that waits.
  std::shared_ptr<reply<row_set>> send(query question, monotonic_time deadline = monotonic_time::max()) {
    auto request = admitted(std::move(question), deadline);
    BOOST_REQUIRE(board->queue_room().take(request.bytes));
    return ask<row_set>(waq, waiting_query{std::move(request)});
  }

  /// Sends one and lets it be synced, so that it is a batch of its own.
  std::shared_ptr<reply<outcome>> send_alone(transaction work) {
    auto pending = send(std::move(work));
    scheduler.run();
    return pending;
  }

  /// The writer reports that it committed these; those named in `failures` were rejected.
  void applied(std::uint64_t first, std::uint64_t count, std::vector<std::uint64_t> failures = {}) {
    auto answers = std::make_shared<std::vector<storage::answer>>();
    for (auto seq = first; seq < first + count; ++seq) {
      if (std::ranges::find(failures, seq) == failures.end()) {
        answers->push_back(
          outcome{.seq = seq, .results = {{.rows_changed = 1, .last_row_id = 0, .rows = {}, .error = {}}}});
      } else {
        answers->push_back(tl::unexpected{failure{errc::constraint, "seq " + std::to_string(seq)}});
      }
    }
    caf::send_as(writer, waq, batch_applied{first, answers});
    scheduler.run();
  }

  /// The writer, whose database holds everything up to `before`, could not apply these, and holds nothing any more.
  void refused(std::uint64_t first, std::uint64_t count, errc why = errc::disk_full, bool proven = false) {
    received.clear();
    caf::send_as(writer, waq, work_refused{first, count, proven, {why, "SQLite says no"}});
    caf::send_as(writer, waq, writer_ready{first - 1});
    scheduler.run();
  }

  /// First `seq` of each batch that writers were given.
  std::vector<std::uint64_t> received_from() const {
    std::vector<std::uint64_t> firsts;
    std::ranges::transform(received, std::back_inserter(firsts), [](const auto& work) { return work->first_seq; });
    return firsts;
  }

  sample look() {
    auto seen = ask<sample>(waq, atom::sample::value);
    scheduler.run();
    BOOST_REQUIRE(seen->value.has_value());
    return *seen->value;
  }
};

inline transaction insert(int number) {
  return execute("INSERT INTO t VALUES (?1)", number);
}

/// The number that the i-th transaction of a batch inserts.
inline std::int64_t number_in(const storage::batch& work, std::size_t i) {
  return std::get<std::int64_t>(std::get<transaction>(work.items.at(i)).statements.at(0).parameters.at(0).data());
}

} // namespace millrace::test
