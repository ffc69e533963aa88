#include "actor_fixture.hpp"

#include <millrace/actors/reader.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

/// A reader over a real database, which a writer connection of the test's own fills.
struct reader_fixture : actor_fixture {
  std::filesystem::path file = folder.path() / "database.sqlite3";
  std::unique_ptr<storage::database_writer> writer;
  reader_actor tested;

  reader_fixture() {
    BOOST_REQUIRE(storage::prepare_sqlite(file));
    auto opened = storage::open_sqlite_writer(file, {});
    BOOST_REQUIRE(opened);
    writer = std::move(*opened);
    apply(schema_script{"0001", "CREATE TABLE t(n INTEGER)"});
    apply(execute("INSERT INTO t VALUES (1), (2), (3)"));
    start([this] { return storage::open_sqlite_reader(file, {}); });
  }

  ~reader_fixture() { end_all(); }

  void start(std::function<storage::result<std::unique_ptr<storage::database_reader>>()> open) {
    tested = track(system.spawn(reader, reader_options{.open_database = std::move(open), .slot = board->slot(0)}));
    board->connect("reader-1", caf::actor_cast<caf::actor>(tested));
    scheduler.run();
  }

  void apply(storage::work item) {
    auto batch = std::make_shared<storage::batch>();
    batch->first_seq = writer->applied_seq() + 1;
    batch->items.push_back(std::move(item));
    const std::vector<storage::batch_ptr> batches{batch};
    const auto answers = writer->apply(batches);
    BOOST_REQUIRE(answers);
    BOOST_REQUIRE(answers->front());
  }

  /// Asks the reader as the front does.
  std::shared_ptr<reply<row_set>> send(query question, monotonic_time deadline = monotonic_time::max()) {
    BOOST_REQUIRE(board->pick_reader() == caf::actor_cast<caf::actor>(tested));
    return ask<row_set>(tested, admitted(std::move(question), deadline));
  }
};

/// Counts how snapshots are taken.
class counting_reader final : public storage::database_reader {
public:
  struct counts {
    int begun = 0;
    int ended = 0;
    std::vector<bool> inside; ///< Per query: whether a snapshot was held.
  };
  explicit counting_reader(std::shared_ptr<counts> seen) : seen_(std::move(seen)) {}

  storage::result<> begin_snapshot() override {
    ++seen_->begun;
    return {};
  }
  void end_snapshot() noexcept override { ++seen_->ended; }
  storage::result<row_set> run(const query&, std::chrono::steady_clock::time_point) override {
    seen_->inside.push_back(seen_->begun > seen_->ended);
    return row_set{};
  }
  storage::result<std::uint64_t> applied_seq() override { return 0; }

private:
  std::shared_ptr<counts> seen_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(reader_suite, reader_fixture)

BOOST_AUTO_TEST_CASE(a_query_is_answered_with_its_rows) {
  const auto answer = send(select("SELECT n FROM t WHERE n > ?1 ORDER BY n", 1));
  scheduler.run();
  BOOST_REQUIRE(answer->value.has_value());
  BOOST_TEST(answer->value->size() == 2);
  BOOST_TEST((*answer->value)[0]["n"].as_integer() == 2);
}

BOOST_AUTO_TEST_CASE(a_query_sees_what_was_committed_before_it_was_sent) {
  const auto before = send(select("SELECT count(*) FROM t"));
  scheduler.run();
  apply(execute("INSERT INTO t VALUES (4)"));
  const auto after = send(select("SELECT count(*) FROM t"));
  scheduler.run();
  BOOST_TEST((*before->value)[0][0].as_integer() == 3);
  BOOST_TEST((*after->value)[0][0].as_integer() == 4);
}

BOOST_AUTO_TEST_CASE(each_query_fails_with_its_own_error_and_its_neighbours_do_not) {
  const auto typo = send(select("SELEC n FROM t"));
  const auto good = send(select("SELECT n FROM t"));
  const auto unknown_table = send(select("SELECT * FROM nowhere"));
  const auto missing_parameter = send(select("SELECT n FROM t WHERE n = ?1"));
  const auto write = send(select("DELETE FROM t"));
  const auto late = send(select("SELECT n FROM t"), monotonic_time::min());
  scheduler.run();
  BOOST_TEST(typo->code() == errc::bad_sql);
  BOOST_TEST(unknown_table->code() == errc::bad_sql);
  BOOST_TEST(missing_parameter->code() == errc::parameter_mismatch);
  BOOST_TEST(write->code() == errc::not_a_query);
  BOOST_TEST(late->code() == errc::deadline_exceeded);
  BOOST_REQUIRE(good->value.has_value());
  BOOST_TEST(good->value->size() == 3);
}

BOOST_AUTO_TEST_CASE(an_endless_query_is_interrupted_after_its_deadline) {
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{50};
  const auto endless = send(
    select("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"), soon);
  const auto next = send(select("SELECT n FROM t"));
  scheduler.run();
  BOOST_TEST(endless->code() == errc::deadline_exceeded);
  BOOST_TEST(next->value.has_value());
}

BOOST_AUTO_TEST_CASE(what_a_reader_has_answered_is_counted) {
  send(select("SELECT n FROM t"));
  send(select("SELECT n FROM t"));
  BOOST_TEST(board->pool().in_use == 1);
  scheduler.run();
  const auto pool = board->pool();
  BOOST_TEST(pool.in_use == 0);
  BOOST_TEST(pool.idle == 1);
  BOOST_TEST(pool.queries == 2);
  BOOST_TEST(pool.wait_count == 1); // The second found it busy.
  const auto seen = ask<sample>(tested, atom::sample::value);
  scheduler.run();
  BOOST_TEST(seen->value->latency.count == 2);
}

BOOST_AUTO_TEST_CASE(a_killed_reader_answers_what_it_had_taken) {
  const auto taken = send(select("SELECT n FROM t"));
  scheduler.run_once(); // The client sends; in the reader's mailbox the kill then comes before the run.
  end(caf::actor_cast<caf::actor>(tested));
  scheduler.run();
  BOOST_TEST(taken->count == 1);
  BOOST_TEST(taken->code() == errc::reader_failed);
  const auto late = ask<row_set>(tested, admitted(select("SELECT n FROM t")));
  scheduler.run();
  BOOST_TEST(late->count == 1);
  BOOST_TEST(!late->value.has_value());
  board->connect("reader-1", nullptr);
  BOOST_TEST(board->pool().in_use == 0);
}

BOOST_AUTO_TEST_CASE(a_drain_is_answered_after_the_queries_before_it) {
  const auto idle = ask<std::uint64_t>(tested, atom::drain::value);
  scheduler.run();
  BOOST_TEST((idle->value == std::optional<std::uint64_t>{0}));
  send(select("SELECT n FROM t"));
  send(select("SELECT n FROM t"));
  const auto busy = ask<std::uint64_t>(tested, atom::drain::value);
  scheduler.run();
  BOOST_TEST((busy->value == std::optional<std::uint64_t>{2}));
}

BOOST_AUTO_TEST_CASE(queries_that_wait_together_share_one_snapshot_and_a_lone_one_takes_none) {
  const auto seen = std::make_shared<counting_reader::counts>();
  kill(tested);
  start([seen]() -> storage::result<std::unique_ptr<storage::database_reader>> {
    return std::make_unique<counting_reader>(seen);
  });
  send(select("a"));
  scheduler.run();
  BOOST_TEST(seen->begun == 0);
  send(select("b"));
  send(select("c"));
  send(select("d"));
  scheduler.run();
  BOOST_TEST(seen->begun == 1);
  BOOST_TEST(seen->ended == 1);
  BOOST_TEST((seen->inside == std::vector<bool>{false, true, true, true}));
}

BOOST_AUTO_TEST_CASE(a_reader_whose_database_cannot_be_opened_ends) {
  start([]() -> storage::result<std::unique_ptr<storage::database_reader>> {
    return storage::fail(errc::io_error, "injected");
  });
  const auto asked = send(select("SELECT n FROM t"));
  scheduler.run();
  BOOST_TEST(asked->count == 1);
  BOOST_TEST(!asked->value.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
