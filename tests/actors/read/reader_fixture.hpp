#pragma once

#include <millrace/actors/read/reader.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>
#include <millrace/tests/support/actors/endless.hpp>
#include <millrace/tests/support/actors/reading_door.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>

namespace millrace::test {

/// For writers whose deaths are not of interest.
class unmarked final : public storage::attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override {}
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override {}
};

/// A reader over a real database, which a writer connection of the test's own fills.
struct reader_fixture : actor_fixture {
  std::filesystem::path file = folder.path() / "database.sqlite3";
  std::unique_ptr<storage::database_writer> writer;
  std::shared_ptr<std::atomic<bool>> starving = board->starving();
  reader_options settings{.open_database = [this] { return open_file(); },
                          .slot = board->slot(0),
                          .waiting = board->waiting_requests(),
                          .starving = starving,
                          .lease = std::chrono::milliseconds{1'000},
                          .cursors_max = 2};
  int opened = 0;                    ///< Connections to the file so far.
  std::optional<failure> in_the_way; ///< Why no connection can be opened.
  reader_actor tested;
  caf::actor door = spawn_reading_door(system, board);

  reader_fixture() {
    BOOST_REQUIRE(storage::sqlite::make_database(file)->prepare(true));
    auto made = storage::sqlite::make_database(file)->open_writer();
    BOOST_REQUIRE(made);
    writer = std::move(*made);
    apply(schema_script{"0001", "CREATE TABLE t(n INTEGER)"});
    apply(execute("INSERT INTO t VALUES (1), (2), (3)"));
    start();
  }

  ~reader_fixture() {
    end_all();
    board->connect("reader-1", nullptr);
  }

  storage::result<std::unique_ptr<storage::database_reader>> open_file() {
    if (in_the_way) {
      return tl::unexpected{*in_the_way};
    }
    ++opened;
    return storage::sqlite::make_database(file)->open_reader();
  }

  /// Starts a reader with the settings as they are; one that runs is killed first.
  void start() {
    if (tested) {
      kill(tested);
    }
    tested = track(system.spawn(reader, settings));
    board->connect("reader-1", caf::actor_cast<caf::actor>(tested));
    scheduler.run();
  }

  storage::answer apply(storage::work item) {
    auto batch = std::make_shared<storage::batch>();
    batch->first_seq = writer->applied_seq() + 1;
    batch->items.push_back(std::move(item));
    const std::vector<storage::batch_ptr> batches{batch};
    unmarked mark;
    auto answers = writer->apply(batches, mark, {});
    BOOST_REQUIRE_MESSAGE(answers, (answers ? "" : to_string(answers.error().why)));
    return std::move(answers->front());
  }

  /// Asks for rows. Nothing is delivered before `scheduler.run()`.
  template <class Answer, class Content>
  std::shared_ptr<reply<Answer>> request(Content content) {
    return ask<Answer>(door, std::move(content));
  }
  /// Asks the reader itself as those do who have picked it.
  template <class Answer, class Content>
  std::shared_ptr<reply<Answer>> look_up(Content content) {
    BOOST_REQUIRE(board->pick_reader() == caf::actor_cast<caf::actor>(tested));
    return ask<Answer>(tested, std::move(content));
  }

  std::shared_ptr<reply<row_set>> send(query question, monotonic_time deadline = monotonic_time::max()) {
    return request<row_set>(admitted(std::move(question), deadline));
  }

  /// The answer to a query, or to a request for a page.
  reply<row_set> rows_of(query question, monotonic_time deadline = monotonic_time::max()) {
    const auto answer = send(std::move(question), deadline);
    scheduler.run();
    BOOST_REQUIRE_EQUAL(answer->count, 1);
    return *answer;
  }
  reply<row_page> first_page(query question, std::uint32_t rows, monotonic_time deadline = monotonic_time::max()) {
    const auto bytes = payload_bytes(question.statement);
    return page_for(admitted_page_query{{std::move(question), rows}, bytes, deadline});
  }
  reply<row_page> next_page(const page_cursor& position, monotonic_time deadline = monotonic_time::max()) {
    return page_for(admitted_page_cursor{position, payload_bytes(position.question.statement), deadline});
  }

private:
  template <class Content>
  reply<row_page> page_for(Content content) {
    const auto answer = request<row_page>(std::move(content));
    scheduler.run();
    BOOST_REQUIRE_EQUAL(answer->count, 1);
    return *answer;
  }
};

inline monotonic_time soon(std::chrono::milliseconds delay) {
  return std::chrono::steady_clock::now() + delay;
}

} // namespace millrace::test
