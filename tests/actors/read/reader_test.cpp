#include "reader_fixture.hpp"

#include <millrace/tests/support/actors/failing_reader.hpp>

#include <fstream>
#include <stdexcept>

using namespace millrace;
using namespace millrace::test;

namespace {

/// Counts how snapshots are taken.
class counting_reader final : public failing_reader {
public:
  struct counts {
    int begun = 0;
    int ended = 0;
    std::vector<bool> inside;                   ///< Per query: whether a snapshot was held.
    storage::read_limits limits;                ///< Of the one that runs.
    std::function<void()> during_query = [] {}; ///< What happens while a query runs.
  };
  explicit counting_reader(std::shared_ptr<counts> seen) : failing_reader(errc::bad_sql), seen_(std::move(seen)) {}

  storage::result<> begin_snapshot() override {
    ++seen_->begun;
    return {};
  }
  void end_snapshot() noexcept override { ++seen_->ended; }
  storage::result<row_set> run(const query&, const storage::read_limits& limits) override {
    seen_->limits = limits;
    seen_->inside.push_back(seen_->begun > seen_->ended);
    seen_->during_query();
    return row_set{};
  }

private:
  std::shared_ptr<counts> seen_;
};

/// A reader whose use of snapshots is counted.
struct counting_fixture : reader_fixture {
  std::shared_ptr<counting_reader::counts> seen = std::make_shared<counting_reader::counts>();

  counting_fixture() {
    settings.open_database = [seen = seen]() -> storage::result<std::unique_ptr<storage::database_reader>> {
      return std::make_unique<counting_reader>(seen);
    };
    start();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(reader_suite, reader_fixture)

BOOST_AUTO_TEST_CASE(a_query_is_answered_with_its_rows) {
  const auto answer = rows_of(select("SELECT n FROM t WHERE n > ?1 ORDER BY n", 1));
  BOOST_REQUIRE(answer.value.has_value());
  BOOST_TEST(answer.value->size() == 2);
  BOOST_TEST((*answer.value)[0]["n"].as_integer() == 2);
}

BOOST_AUTO_TEST_CASE(a_query_sees_what_was_committed_before_it_was_sent) {
  const auto before = rows_of(select("SELECT count(*) FROM t"));
  apply(execute("INSERT INTO t VALUES (4)"));
  const auto after = rows_of(select("SELECT count(*) FROM t"));
  BOOST_TEST((*before.value)[0][0].as_integer() == 3);
  BOOST_TEST((*after.value)[0][0].as_integer() == 4);
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
  const auto interrupted = send(endless(), soon(std::chrono::milliseconds{50}));
  const auto next = send(select("SELECT n FROM t"));
  scheduler.run();
  BOOST_TEST(interrupted->code() == errc::deadline_exceeded);
  BOOST_TEST(next->value.has_value());
}

BOOST_AUTO_TEST_CASE(what_a_reader_has_answered_is_counted) {
  send(select("SELECT n FROM t"));
  send(select("SELECT n FROM t"));
  scheduler.run_once();
  BOOST_TEST(board->pool().in_use == 1);
  scheduler.run();
  first_page(select("SELECT n FROM t"), 1);
  const auto pool = board->pool();
  BOOST_TEST(pool.in_use == 0);
  BOOST_TEST(pool.idle == 1);
  BOOST_TEST(pool.queries == 3);
  BOOST_TEST(pool.wait_count == 1); // The second found it busy.
  BOOST_TEST(pool.cursors == 1);
  const auto seen = ask<sample>(tested, atom::sample::value);
  scheduler.run();
  BOOST_TEST(seen->value->latency.count == 3);
}

BOOST_AUTO_TEST_CASE(what_it_has_answered_holds_no_room) {
  const auto& held = board->waiting_requests()->room();
  const std::vector<std::shared_ptr<reply<row_set>>> taken{send(select("SELECT n FROM t")),
                                                           send(select("SELECT ?1", 2)), send(select("nonsense"))};
  for (int i = 0; i < 3; ++i) {
    scheduler.run_once(); // They are sent; the reader comes last.
  }
  BOOST_TEST(held.requests() == 3u);
  BOOST_TEST(held.bytes() > 0u);
  scheduler.run();
  BOOST_TEST(taken.back()->code() == errc::bad_sql);
  BOOST_TEST(held.requests() == 0u);
  BOOST_TEST(held.bytes() == 0u);
  const auto page = first_page(select("SELECT n FROM t"), 1);
  BOOST_REQUIRE((page.value && page.value->next));
  next_page(*page.value->next);
  BOOST_TEST(held.requests() == 0u);
  BOOST_TEST(held.bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(what_waits_outlives_a_reader_and_is_refused_once_none_is_there) {
  kill(tested); // The address book has not heard of it.
  const auto waits = send(select("SELECT n FROM t"));
  const auto page = request<row_page>(admitted_page_query{{select("SELECT n FROM t")}, 0, monotonic_time::max()});
  scheduler.run();
  BOOST_TEST(waits->count == 0);
  start();
  BOOST_TEST(waits->value.has_value());
  BOOST_TEST(page->value.has_value());
  kill(tested);
  const auto late = send(select("SELECT n FROM t"));
  const auto late_page = request<row_page>(admitted_page_query{{select("SELECT n FROM t")}, 0, monotonic_time::max()});
  scheduler.run();
  BOOST_TEST(late->count == 0);
  board->connect("reader-1", nullptr);
  scheduler.run();
  BOOST_TEST(late->code() == errc::unavailable);
  BOOST_TEST(late_page->code() == errc::unavailable);
  BOOST_TEST(board->pool().in_use == 0);
  BOOST_TEST(board->waiting_queries() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_reader_that_ends_in_a_query_answers_what_it_had_taken_and_holds_no_room, counting_fixture) {
  settings.breaker = std::make_shared<breaker>(breaker_options{.failures_min = 1'000});
  start();
  seen->during_query = [] { throw std::runtime_error{"injected"}; };
  const auto fatal = send(select("a"));
  const auto taken = send(select("b"));
  scheduler.run();
  for (const auto& answer : {fatal, taken}) {
    BOOST_TEST(answer->count == 1);
    BOOST_TEST(answer->code() == errc::reader_failed);
  }
  BOOST_TEST(settings.breaker->health(std::chrono::steady_clock::now()).failures == 2);
  board->connect("reader-1", nullptr);
  BOOST_TEST(board->waiting_queries() == 0u);
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

BOOST_AUTO_TEST_CASE(a_recorded_outcome_is_answered_as_it_was_and_a_missing_one_is_called_forgotten) {
  const auto named = [](const char* sql, std::uint64_t number) {
    auto work = execute(sql);
    work.name = {new_client_id(0), number};
    return work;
  };
  const auto applied = apply(named("INSERT INTO t VALUES (4)", 1));
  const auto rejected = apply(named("INSERT INTO nowhere VALUES (4)", 1));
  BOOST_REQUIRE(applied);
  BOOST_REQUIRE(!rejected);
  const auto good = look_up<outcome>(recorded_outcome_request{writer->applied_seq() - 1});
  const auto bad = look_up<outcome>(recorded_outcome_request{writer->applied_seq()});
  const auto none = look_up<outcome>(recorded_outcome_request{1});
  scheduler.run();
  BOOST_TEST((good->value == std::optional{*applied}));
  BOOST_TEST((bad->error == rejected.error()));
  BOOST_TEST(none->code() == errc::name_forgotten);
  BOOST_TEST(board->pool().in_use == 0);
  BOOST_TEST(board->waiting_queries() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_in_quarantine_is_listed) {
  auto batch = std::make_shared<storage::batch>();
  batch->first_seq = writer->applied_seq() + 1;
  batch->items = {execute("INSERT INTO t VALUES (4)"), execute("INSERT INTO t VALUES (5)")};
  batch->skipped = {{batch->first_seq, errc::quarantined, 3}, {batch->first_seq + 1, errc::quarantined, 3}};
  const std::vector<storage::batch_ptr> batches{batch};
  unmarked mark;
  BOOST_REQUIRE(writer->apply(batches, mark, {}));
  const auto listed = look_up<quarantine_listing>(quarantine_list{.after = 0, .limit = 1});
  scheduler.run();
  BOOST_REQUIRE(listed->value.has_value());
  BOOST_REQUIRE_EQUAL(listed->value->entries.size(), 1u);
  BOOST_TEST(listed->value->entries[0].seq == batch->first_seq);
  BOOST_TEST((listed->value->entries[0].work == execute("INSERT INTO t VALUES (4)")));
  BOOST_TEST(listed->value->more);
}

BOOST_AUTO_TEST_CASE(the_breaker_hears_of_faults_of_the_machine_and_of_nothing_else) {
  settings.breaker = std::make_shared<breaker>(breaker_options{.failures_min = 1'000});
  start();
  rows_of(select("SELECT n FROM t"));
  rows_of(select("SELEC n FROM t"));
  rows_of(select("SELECT n FROM t"), monotonic_time::min());
  first_page(select("SELECT n FROM t"), 1);
  const auto before = settings.breaker->health(std::chrono::steady_clock::now());
  BOOST_TEST(before.successes == 4);
  BOOST_TEST(before.failures == 0);
  in_the_way = failure{errc::io_error, "injected"};
  first_page(select("SELECT n FROM t"), 1);
  start();
  rows_of(select("SELECT n FROM t"));
  const auto after = settings.breaker->health(std::chrono::steady_clock::now());
  BOOST_TEST(after.successes == 4);
  BOOST_TEST(after.failures == 2);
}

BOOST_AUTO_TEST_CASE(a_sort_that_finds_no_place_for_its_files_does_not_count_and_its_reader_keeps_its_connection) {
  settings.breaker = std::make_shared<breaker>(breaker_options{.failures_min = 1'000});
  settings.open_for_pages = [this] { return open_file(); };
  start();
  opened = 0;
  std::ofstream{folder.path() / "tmp"} << "in the way";
  const auto sort = select(
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 1000000) SELECT i FROM c ORDER BY i % 1000, "
    "i "
    "LIMIT 1 OFFSET 999999");
  BOOST_TEST(rows_of(sort).code() == errc::unavailable);
  BOOST_TEST(opened == 0);
  BOOST_TEST(first_page(sort, 1).code() == errc::unavailable);
  const auto counted = settings.breaker->health(std::chrono::steady_clock::now());
  BOOST_TEST(counted.failures == 0u);
  BOOST_TEST(counted.successes == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_query_that_meets_a_full_disk_or_takes_long_does_not_count, counting_fixture) {
  settings.breaker = std::make_shared<breaker>(breaker_options{.slow = std::chrono::milliseconds{1}});
  start();
  seen->during_query = [] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{2};
    while (std::chrono::steady_clock::now() < end) {}
  };
  BOOST_TEST(rows_of(select("a")).value.has_value());
  settings.open_database = [] { return tl::unexpected{failure{errc::disk_full, "injected"}}; };
  start();
  BOOST_TEST(rows_of(select("a")).code() == errc::disk_full);
  const auto counted = settings.breaker->health(std::chrono::steady_clock::now());
  BOOST_TEST(counted.slow == 0u);
  BOOST_TEST(counted.failures == 0u);
  BOOST_TEST(counted.successes == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_query_past_its_deadline_is_answered_while_another_one_runs, counting_fixture) {
  const auto& waiting = *board->waiting_requests();
  auto answered_meanwhile = false;
  seen->during_query = [&] {
    const auto end = soon(std::chrono::seconds{20});
    while (waiting.expired() == 0 && std::chrono::steady_clock::now() < end) {
      seen->limits.asked_by->gone(); // As SQLite asks.
    }
    answered_meanwhile = waiting.expired() == 1;
  };
  const auto runs = send(select("a"));
  const auto late = send(select("b"), soon(std::chrono::milliseconds{50}));
  scheduler.run();
  BOOST_TEST(answered_meanwhile);
  BOOST_TEST(late->code() == errc::deadline_exceeded);
  BOOST_TEST(runs->value.has_value());
  BOOST_TEST(seen->inside.size() == 1u);
  BOOST_TEST(board->pool().queries == 2);
}

BOOST_AUTO_TEST_CASE(an_endless_query_makes_way_for_another_asker_if_its_own_has_more) {
  errc told = errc::none;
  int answered = 0;
  const auto counts = [&answered](const row_set&) { ++answered; };
  track(system.spawn([&, this](caf::event_based_actor* self) {
    self->request(door, caf::infinite, admitted(endless(), soon(std::chrono::seconds{20})))
      .then(counts, [&told](caf::error& why) { told = failure_of(why).code; });
    self->request(door, caf::infinite, admitted(select("SELECT 1"))).then(counts);
  }));
  const auto modest = send(select("SELECT 1"), soon(std::chrono::seconds{10}));
  scheduler.run();
  BOOST_TEST(told == errc::lease_expired);
  BOOST_TEST(answered == 1);
  BOOST_TEST(modest->value.has_value());
  BOOST_TEST(board->pool().leases_ended == 1);
}

BOOST_FIXTURE_TEST_CASE(queries_that_wait_together_share_one_snapshot_and_a_lone_one_takes_none, counting_fixture) {
  rows_of(select("a"));
  BOOST_TEST(seen->begun == 0);
  send(select("b"));
  send(select("c"));
  send(select("d"));
  scheduler.run();
  BOOST_TEST(seen->begun == 1);
  BOOST_TEST(seen->ended == 1);
  BOOST_TEST((seen->inside == std::vector<bool>{false, true, true, true}));
}

BOOST_FIXTURE_TEST_CASE(what_was_sent_after_a_snapshot_was_taken_does_not_share_it, counting_fixture) {
  seen->during_query = [this] {
    if (seen->inside.size() == 1) {
      waiting_request late{caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, admitted(select("late"))), 0,
                           std::chrono::steady_clock::now(), monotonic_time::max()};
      BOOST_REQUIRE(board->pass_on(late));
    }
  };
  send(select("a"));
  send(select("b"));
  scheduler.run();
  BOOST_TEST(seen->begun == 1);
  BOOST_TEST((seen->inside == std::vector<bool>{true, true, false}));
}

BOOST_FIXTURE_TEST_CASE(what_a_reader_has_taken_goes_back_while_it_is_in_a_long_query, counting_fixture) {
  const auto& waiting = *board->waiting_requests();
  std::size_t given_back = 0;
  seen->during_query = [&] {
    const auto end = soon(std::chrono::seconds{20});
    while (seen->inside.size() == 1 && waiting.waiting() == 0 && std::chrono::steady_clock::now() < end) {
      seen->limits.asked_by->gone(); // As SQLite asks.
    }
    given_back = std::max(given_back, waiting.waiting());
  };
  const std::vector<std::shared_ptr<reply<row_set>>> asked{send(select("a")), send(select("b")), send(select("c"))};
  scheduler.run();
  BOOST_TEST(given_back == 2u);
  for (const auto& one : asked) {
    BOOST_TEST(one->value.has_value());
    BOOST_TEST(one->count == 1);
  }
}

BOOST_FIXTURE_TEST_CASE(a_shared_snapshot_is_renewed_when_it_is_old, counting_fixture) {
  seen->during_query = [until = soon(std::chrono::milliseconds{60})] {
    while (std::chrono::steady_clock::now() < until) {}
  };
  send(select("a"));
  send(select("b"));
  send(select("c"));
  scheduler.run();
  BOOST_TEST(seen->begun >= 2);
  BOOST_TEST(seen->ended == seen->begun);
  BOOST_TEST((seen->inside == std::vector<bool>{true, true, true}));
}

BOOST_FIXTURE_TEST_CASE(no_snapshot_is_shared_while_the_log_cannot_be_emptied, counting_fixture) {
  seen->during_query = [this] { *starving = true; };
  send(select("a"));
  send(select("b"));
  send(select("c"));
  scheduler.run();
  BOOST_TEST(seen->begun == 1);
  BOOST_TEST(seen->ended == 1);
  BOOST_TEST((seen->inside == std::vector<bool>{true, false, false}));
}

BOOST_AUTO_TEST_CASE(an_answer_says_the_seq_that_it_saw_alone_and_together) {
  const auto before = writer->applied_seq();
  BOOST_TEST(rows_of(select("SELECT 1")).value->seq() == before);
  apply(execute("INSERT INTO t VALUES (4)"));
  const auto first = send(select("SELECT 1"));
  const auto second = send(select("SELECT 2"));
  scheduler.run();
  BOOST_TEST(first->value->seq() == before + 1);
  BOOST_TEST(second->value->seq() == before + 1);
  BOOST_TEST(first_page(select("SELECT n FROM t"), 2).value->rows.seq() == before + 1);
}

BOOST_AUTO_TEST_CASE(a_reader_whose_state_is_older_than_a_query_needs_does_not_answer_it) {
  auto early = admitted(select("SELECT count(*) FROM t"));
  early.least_seq = writer->applied_seq() + 1;
  auto due = early;
  due.least_seq = writer->applied_seq();
  const auto refused = request<row_set>(early);
  const auto given = request<row_set>(due);
  scheduler.run();
  BOOST_TEST(refused->code() == errc::unavailable);
  BOOST_TEST(given->value.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
