#include <millrace/actors/write/writer.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>

#include <deque>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

storage::trouble passing(errc code, std::string detail = "") {
  return {{code, std::move(detail)}, storage::remedy::same_connection};
}

storage::trouble suspected(storage::trouble met) {
  met.suspects = 1;
  return met;
}

storage::trouble spoilt(errc code, std::string detail = "") {
  return {{code, std::move(detail)}, storage::remedy::reopen};
}

/// What the test and the fake database share, since the writer owns its database.
struct scripted_database {
  std::uint64_t applied_seq = 0;
  std::deque<storage::trouble> failures;         ///< Of the next applies, in order; then they succeed.
  std::vector<std::vector<std::uint64_t>> calls; ///< First `seq` of each batch, per apply.
  std::vector<storage::moment> deadlines;        ///< Of each.
  std::vector<std::uint64_t> probed;             ///< Bytes that it was to take, per probe.
  std::deque<storage::trouble> probe_failures;   ///< Of the next probes.
  std::uint32_t pages = 0;
  std::uint32_t log_pages = 0;           ///< After a checkpoint.
  std::uint64_t applied_by_failures = 0; ///< Pieces of work that are applied though that is not known.
  int checkpoints = 0;
  int opened = 0;
  std::size_t most_at_once = SIZE_MAX; ///< Pieces of work that one call applies.
  std::size_t answers_lost = 0;        ///< Of each call that succeeds.
  std::optional<storage::trouble> checkpoint_failure;
  bool foreign_commit = false;
  std::chrono::milliseconds takes{0};     ///< Each apply, at least.
  std::vector<storage::time_taken> times; ///< Of the next one.
};

class fake_writer final : public storage::database_writer {
public:
  explicit fake_writer(std::shared_ptr<scripted_database> script) : script_(std::move(script)) { ++script_->opened; }

  storage::log_position applied() const noexcept override { return found_.value_or(script_->applied_seq); }
  std::uint64_t quarantined() const noexcept override { return 0; }

  tl::expected<std::vector<storage::answer>, storage::trouble> apply(std::span<const storage::batch_ptr> batches,
                                                                     storage::attempt_mark&,
                                                                     const storage::write_limits& limits) override {
    script_->deadlines.push_back(limits.deadline);
    auto& firsts = script_->calls.emplace_back();
    std::ranges::transform(batches, std::back_inserter(firsts), [](const auto& work) { return work->first_seq; });
    if (!script_->failures.empty()) {
      auto reason = std::move(script_->failures.front());
      script_->failures.pop_front();
      if (script_->applied_by_failures > 0) {
        found_ = script_->applied_seq;
        script_->applied_seq += script_->applied_by_failures;
      }
      return tl::unexpected{std::move(reason)};
    }
    for (const auto end = storage::moment::clock::now() + script_->takes; storage::moment::clock::now() < end;) {}
    std::vector<storage::answer> answers;
    for (const auto& work : batches) {
      while (script_->applied_seq < work->last_seq() && answers.size() < script_->most_at_once) {
        answers.push_back(outcome{.seq = ++script_->applied_seq, .results = {}});
      }
    }
    answers.resize(answers.size() - script_->answers_lost);
    return answers;
  }

  tl::expected<storage::rehearsal, storage::trouble> rehearse(std::span<const schema_change>, std::int64_t,
                                                              const storage::write_limits&) override {
    return storage::rehearsal{};
  }

  tl::expected<void, storage::trouble> probe(std::uint64_t bytes) override {
    script_->probed.push_back(bytes);
    if (script_->probe_failures.empty()) {
      return {};
    }
    auto reason = std::move(script_->probe_failures.front());
    script_->probe_failures.pop_front();
    return tl::unexpected{std::move(reason)};
  }

  bool take_foreign_commit() noexcept override { return std::exchange(script_->foreign_commit, false); }
  std::vector<storage::time_taken> take_times() override { return std::exchange(script_->times, {}); }

  std::uint32_t unmerged() const noexcept override { return script_->pages; }

  tl::expected<storage::checkpoint_report, storage::trouble> checkpoint(std::uint32_t) override {
    ++script_->checkpoints;
    script_->pages = 0;
    if (auto reason = std::exchange(script_->checkpoint_failure, std::nullopt)) {
      return tl::unexpected{std::move(*reason)};
    }
    return storage::checkpoint_report{
      .checkpointed_seq = script_->applied_seq, .unmerged = script_->log_pages, .journal = script_->log_pages};
  }

private:
  std::shared_ptr<scripted_database> script_;
  std::optional<std::uint64_t> found_; ///< What it knows, after a failure, where that is not all.
};

struct writer_fixture : actor_fixture {
  std::shared_ptr<scripted_database> database = std::make_shared<scripted_database>();
  std::deque<failure> open_failures;
  std::vector<std::uint64_t> ready;                             ///< `applied_seq` of each report.
  std::uint64_t opening = 0;                                    ///< Of the newest.
  std::vector<std::pair<std::uint64_t, std::size_t>> committed; ///< First `seq` and count of each report.
  std::vector<std::uint64_t> checkpointed;
  std::vector<work_refused> refused;
  int foreign_commits = 0;
  int fatal = 0;
  std::shared_ptr<breaker> guard = std::make_shared<breaker>(breaker_options{});
  std::shared_ptr<std::atomic<bool>> starving = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<bool>> called_off = std::make_shared<std::atomic<bool>>(false);
  writer_actor tested;

  std::uint64_t failures_counted() const { return guard->health(breaker::clock::now()).failures; }

  ~writer_fixture() { end_all(); }

  void start() {
    auto queue = track(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {
        [this](const writer_ready& message) {
          ready.push_back(message.applied.seq);
          opening = message.opening;
        },
        [this](const batch_applied& message) { committed.emplace_back(message.first_seq, message.answers->size()); },
        [this](const work_refused& message) { refused.push_back(message); },
        [this](const foreign_commit_seen&) { ++foreign_commits; },
        [this](const database_checkpointed& message) { checkpointed.push_back(message.seq); }};
    }));
    auto open = [this]() -> storage::result<std::unique_ptr<storage::database_writer>> {
      if (!open_failures.empty()) {
        auto reason = open_failures.front();
        open_failures.pop_front();
        return tl::unexpected{reason};
      }
      return std::make_unique<fake_writer>(database);
    };
    tested = track(system.spawn(writer, writer_options{.open_database = open,
                                                       .queue = caf::actor_cast<writer_listener>(queue),
                                                       .breaker = guard,
                                                       .starving = starving,
                                                       .called_off = called_off,
                                                       .checkpoint_pages = 100,
                                                       .wal_pages_max = 1'000,
                                                       .retry_delay = {8ms, 64ms},
                                                       .on_fatal = [this](const std::string&) { ++fatal; }}));
    scheduler.run();
  }

  /// A batch of `count` transactions; nothing is delivered before the scheduler runs.
  void give(std::uint64_t first, std::size_t count = 1) {
    auto work = std::make_shared<storage::batch>();
    work->first_seq = first;
    work->items.resize(count, transaction{});
    caf::anon_send(tested, apply_batch{work, opening});
  }

  sample look() {
    auto seen = ask<sample>(tested, atom::sample::value);
    scheduler.run();
    BOOST_REQUIRE(seen->value.has_value());
    return *seen->value;
  }

  bool ended() {
    auto seen = ask<sample>(tested, atom::sample::value);
    scheduler.run();
    return !seen->value.has_value();
  }
};

using calls = std::vector<std::vector<std::uint64_t>>;
using reports = std::vector<std::pair<std::uint64_t, std::size_t>>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(writer_suite, writer_fixture)

BOOST_AUTO_TEST_CASE(a_writer_reports_what_its_database_holds) {
  database->applied_seq = 41;
  start();
  BOOST_TEST((ready == std::vector<std::uint64_t>{41}));
}

BOOST_AUTO_TEST_CASE(batches_that_wait_together_are_committed_together) {
  start();
  give(1, 3);
  give(4, 2);
  scheduler.run();
  give(6);
  scheduler.run();
  BOOST_TEST((database->calls == calls{{1, 4}, {6}}));
  BOOST_TEST((committed == reports{{1, 5}, {6, 1}}));
}

BOOST_AUTO_TEST_CASE(what_was_sent_before_its_queue_heard_that_it_opened_again_is_left_alone) {
  database->failures = {spoilt(errc::corrupt)};
  start();
  give(1);
  scheduler.run();
  const auto heard = opening;
  pass(100ms);
  const auto newest = std::exchange(opening, heard);
  BOOST_TEST(newest != heard);
  give(2);
  scheduler.run();
  opening = newest;
  give(1);
  give(2);
  scheduler.run();
  BOOST_TEST((database->calls == calls{{1}, {1, 2}}));
}

BOOST_AUTO_TEST_CASE(a_writer_that_is_asked_to_opens_its_database_anew_and_drops_what_it_holds) {
  database->failures = {passing(errc::locked)};
  start();
  give(1);
  scheduler.run();
  database->applied_seq = 4;
  caf::anon_send(tested, atom::reopen::value);
  scheduler.run();
  BOOST_TEST((ready == std::vector<std::uint64_t>{0, 4}));
  pass(100ms);
  give(5);
  scheduler.run();
  BOOST_TEST((committed == reports{{5, 1}}));
}

BOOST_AUTO_TEST_CASE(what_was_called_off_is_left_until_the_database_is_opened_anew_and_is_nobodys_fault) {
  database->failures = {{{errc::unavailable, "it was called off"}, storage::remedy::none}};
  start();
  *called_off = true;
  give(1);
  pass(1s);
  BOOST_TEST(database->calls.size() == 1u);
  BOOST_TEST(!look().blocked);
  BOOST_TEST(failures_counted() == 0u);
  BOOST_TEST(refused.empty());
  caf::anon_send(tested, atom::reopen::value);
  scheduler.run();
  BOOST_TEST(!*called_off);
  give(1);
  scheduler.run();
  BOOST_TEST((committed == reports{{1, 1}}));
}

BOOST_AUTO_TEST_CASE(a_locked_database_is_tried_again_with_growing_delays_in_the_same_order) {
  for (int i = 0; i < 4; ++i) {
    database->failures.push_back(passing(errc::locked, "held"));
  }
  start();
  give(1);
  scheduler.run();
  BOOST_TEST(database->calls.size() == 1);
  give(2);
  scheduler.run();
  BOOST_TEST(database->calls.size() == 1); // It waits for its turn instead of running at the lock.
  std::vector<caf::timespan> tried_after;
  for (caf::timespan gone{0}; database->calls.size() < 5 && gone < 1s; gone += 1ms) {
    const auto before = database->calls.size();
    pass(1ms);
    if (database->calls.size() > before) {
      tried_after.push_back(gone);
    }
  }
  BOOST_REQUIRE_EQUAL(tried_after.size(), 4);
  // 4 to 8 ms, 8 to 16, 16 to 32, 32 to 64: each is at least half of a doubled delay.
  BOOST_TEST((tried_after[3] - tried_after[2]).count() > (tried_after[1] - tried_after[0]).count());
  BOOST_TEST((database->calls == calls{{1}, {1, 2}, {1, 2}, {1, 2}, {1, 2}}));
  BOOST_TEST((committed == reports{{1, 2}}));
}

BOOST_AUTO_TEST_CASE(a_writer_that_waits_answers_and_says_why) {
  database->failures = {passing(errc::locked, "held by process 7")};
  start();
  give(1);
  scheduler.run();
  const auto seen = look();
  BOOST_REQUIRE(seen.blocked.has_value());
  BOOST_TEST(seen.blocked->code == errc::locked);
  BOOST_TEST(seen.blocked->detail == "held by process 7");
  pass(20ms);
  BOOST_TEST(!look().blocked);
}

BOOST_AUTO_TEST_CASE(a_full_disk_and_a_failed_read_pass_by_themselves_too) {
  database->failures = {passing(errc::disk_full), passing(errc::io_error)};
  start();
  give(1);
  scheduler.run();
  pass(100ms);
  BOOST_TEST((database->calls == calls{{1}, {1}, {1}}));
  BOOST_TEST((committed == reports{{1, 1}}));
}

BOOST_AUTO_TEST_CASE(what_is_due_after_a_failure_is_not_guessed_from_its_code) {
  database->failures = {passing(errc::outcome_unknown), spoilt(errc::locked)};
  start();
  give(1);
  scheduler.run();
  pass(10ms);
  BOOST_TEST((database->calls == calls{{1}, {1}}));
  BOOST_TEST(database->opened == 1);
  pass(100ms);
  BOOST_TEST(database->opened == 2);
  BOOST_TEST(database->calls.size() == 2u); // What it held was dropped.
}

BOOST_AUTO_TEST_CASE(a_call_that_says_that_the_process_must_end_is_the_last) {
  database->failures = {{{errc::io_error, ""}, storage::remedy::end_process}};
  start();
  give(1);
  scheduler.run();
  BOOST_TEST(fatal == 1);
  BOOST_TEST(committed.empty());
  BOOST_TEST(ended());
}

BOOST_AUTO_TEST_CASE(every_call_has_a_deadline) {
  start();
  give(1);
  scheduler.run();
  BOOST_REQUIRE(database->deadlines.size() == 1u);
  BOOST_TEST((database->deadlines.front() < storage::moment::max()));
}

BOOST_AUTO_TEST_CASE(after_a_failed_commit_another_connection_says_what_the_database_holds) {
  database->failures = {spoilt(errc::outcome_unknown, "the commit failed")};
  start();
  give(1);
  scheduler.run();
  BOOST_TEST(committed.empty());
  database->applied_seq = 1; // SQLite brought the commit back.
  pass(100ms);
  BOOST_TEST(database->opened == 2);
  BOOST_TEST((ready == std::vector<std::uint64_t>{0, 1}));
  BOOST_TEST(!look().blocked); // Nothing is left to do, so nothing would say so later.
}

BOOST_AUTO_TEST_CASE(commits_that_fail_again_and_again_are_tried_with_growing_delays_and_end_nobody) {
  for (int i = 0; i < 100; ++i) {
    database->failures.push_back(spoilt(errc::outcome_unknown, "the disk is full"));
  }
  start();
  for (int i = 0; i < 20; ++i) {
    give(1); // The queue sends it to each connection.
    scheduler.run();
    pass(64ms);
  }
  BOOST_TEST(!ended());
  BOOST_TEST(database->calls.size() <= 21);
  BOOST_TEST(look().blocked.has_value());
  database->failures.clear();
  pass(64ms);
  give(1);
  scheduler.run();
  BOOST_TEST((committed == reports{{1, 1}}));
  BOOST_TEST(!look().blocked);
}

BOOST_AUTO_TEST_CASE(a_writer_without_a_usable_database_waits_for_it_and_begins_where_it_stands) {
  for (const auto code : {errc::corrupt, errc::database_gone}) {
    database->failures.push_back(spoilt(code));
  }
  start();
  give(1);
  scheduler.run();
  BOOST_TEST((look().blocked->code == errc::corrupt));
  give(2); // There is nobody who could take it; the queue sends it again.
  scheduler.run();
  pass(100ms);
  BOOST_TEST(ready.size() == 2);
  give(1);
  scheduler.run();
  pass(100ms);
  BOOST_TEST(ready.size() == 3);
  give(1);
  give(2);
  scheduler.run();
  BOOST_TEST((committed == reports{{1, 2}}));
  BOOST_TEST(database->opened == 3);
}

BOOST_AUTO_TEST_CASE(what_the_machine_did_counts_against_the_breaker_and_a_lock_does_not) {
  database->failures = {passing(errc::locked), passing(errc::disk_full), passing(errc::io_error),
                        spoilt(errc::corrupt)};
  open_failures = {{errc::database_gone, ""}};
  start();
  BOOST_TEST(failures_counted() == 1);
  pass(100ms);
  give(1);
  scheduler.run();
  BOOST_TEST(failures_counted() == 1);
  pass(200ms);
  BOOST_TEST(failures_counted() == 4);
}

BOOST_AUTO_TEST_CASE(what_is_slow_counts_against_the_breaker_but_not_the_time_that_work_computes_for_itself) {
  guard = std::make_shared<breaker>(breaker_options{.slow = 1ms});
  start();
  database->takes = 2ms;
  database->times = {{1, 1h}};
  give(1);
  scheduler.run();
  BOOST_TEST(guard->health(breaker::clock::now()).slow == 0u);
  give(2);
  scheduler.run();
  BOOST_TEST(guard->health(breaker::clock::now()).slow == 1u);
}

BOOST_AUTO_TEST_CASE(work_that_is_refused_though_the_database_takes_as_much_is_told_and_dropped) {
  database->failures = {suspected(passing(errc::disk_full)), suspected(spoilt(errc::outcome_unknown))};
  start();
  for (std::size_t attempt = 1; attempt <= 2; ++attempt) {
    give(1, 3);
    scheduler.run();
    BOOST_REQUIRE_EQUAL(refused.size(), attempt);
    BOOST_TEST(refused.back().first == 1);
    BOOST_TEST(refused.back().count == 1);
    BOOST_TEST(ready.size() == attempt + 1); // At once, and what it held comes again.
    BOOST_TEST(database->probed.size() == attempt);
    BOOST_TEST(database->probed.back() >= 1'024u * 1'024);
  }
  BOOST_TEST(committed.empty());
  BOOST_TEST(failures_counted() == 0); // It is a client's fault.
  BOOST_TEST(database->opened == 2);
}

BOOST_AUTO_TEST_CASE(a_database_that_takes_nothing_else_either_accuses_nobody) {
  database->failures = {suspected(passing(errc::disk_full)), suspected(spoilt(errc::outcome_unknown))};
  database->probe_failures = {passing(errc::disk_full), spoilt(errc::disk_full)};
  start();
  give(1);
  scheduler.run();
  pass(50ms); // It tries again by itself, and its commit fails.
  BOOST_TEST(database->probed.size() == 2);
  BOOST_TEST(refused.empty());
  pass(100ms);
  BOOST_TEST(ready.size() == 2);
  give(1);
  scheduler.run();
  BOOST_TEST((committed == reports{{1, 1}}));
  BOOST_TEST(failures_counted() == 2);
}

BOOST_AUTO_TEST_CASE(
  commits_that_a_full_disk_refuses_are_tried_with_growing_delays_though_the_database_opens_each_time) {
  database->failures.assign(500, suspected(spoilt(errc::outcome_unknown)));
  database->probe_failures.assign(500, passing(errc::disk_full));
  start();
  std::size_t resent = 0;
  for (int ms = 0; ms < 1'000; ++ms) {
    if (ready.size() > resent) { // As the queue does.
      resent = ready.size();
      give(1);
    }
    pass(1ms);
  }
  BOOST_TEST(database->calls.size() > 10u);
  BOOST_TEST(database->calls.size() < 50u); // 125 without delays that grow.
  BOOST_TEST(refused.empty());
  const auto seen = look();
  BOOST_REQUIRE(seen.blocked.has_value());
  BOOST_TEST((seen.blocked->code == errc::disk_full));
}

BOOST_AUTO_TEST_CASE(of_many_that_a_commit_refused_and_of_what_is_proven_nothing_is_probed) {
  auto many = suspected(spoilt(errc::outcome_unknown));
  many.suspects = 3;
  auto proven = suspected(passing(errc::deadline_exceeded));
  proven.proven = true;
  database->failures = {many, proven};
  start();
  give(1, 3);
  scheduler.run();
  give(1, 3);
  scheduler.run();
  BOOST_REQUIRE_EQUAL(refused.size(), 2u);
  BOOST_TEST(refused[0].count == 3);
  BOOST_TEST(refused[1].proven);
  BOOST_TEST(database->probed.empty());
}

BOOST_AUTO_TEST_CASE(what_a_commit_that_failed_applied_all_the_same_is_not_suspected) {
  database->failures = {suspected(spoilt(errc::outcome_unknown))};
  database->applied_by_failures = 1;
  start();
  give(1);
  scheduler.run();
  BOOST_TEST(refused.empty());
  BOOST_TEST((ready == std::vector<std::uint64_t>{0, 1}));
}

BOOST_AUTO_TEST_CASE(what_a_call_leaves_is_applied_by_the_next_ones) {
  database->most_at_once = 2;
  start();
  give(1, 3);
  give(4, 2);
  scheduler.run();
  BOOST_TEST((committed == reports{{1, 2}, {3, 2}, {5, 1}}));
}

BOOST_AUTO_TEST_CASE(a_database_that_gives_too_few_answers_ends_the_process_before_one_is_told) {
  database->answers_lost = 1;
  start();
  give(1, 3);
  scheduler.run();
  BOOST_TEST(fatal == 1);
  BOOST_TEST(committed.empty());
}

BOOST_AUTO_TEST_CASE(a_foreign_commit_is_reported_once) {
  database->foreign_commit = true;
  start();
  give(1);
  give(2);
  scheduler.run();
  give(3);
  scheduler.run();
  BOOST_TEST(foreign_commits == 1);
  BOOST_TEST(look().foreign_commits == 1);
}

BOOST_AUTO_TEST_CASE(readers_are_told_while_the_log_cannot_be_emptied) {
  start();
  database->log_pages = 1'001;
  for (std::uint64_t seq = 1; seq <= 2; ++seq) {
    database->pages = 250; // The most that may wait, however long a checkpoint takes.
    give(seq);
    scheduler.run();
    BOOST_TEST(starving->load() == (seq == 1));
    database->log_pages = 1'000;
  }
  BOOST_TEST(look().wal_pages == 1'000);
}

BOOST_AUTO_TEST_CASE(a_log_that_cannot_begin_anew_is_looked_at_again_though_nothing_waits_for_a_checkpoint) {
  start();
  database->log_pages = 1'001;
  database->pages = 250;
  give(1);
  scheduler.run();
  BOOST_TEST(starving->load());
  pass(300ms);
  BOOST_TEST(database->checkpoints > 1);
  BOOST_TEST(starving->load());
  database->log_pages = 0;
  pass(50ms);
  BOOST_TEST(!starving->load());
  const auto made = database->checkpoints;
  pass(1s);
  BOOST_TEST(database->checkpoints == made);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_into_a_file_that_is_gone_frees_nothing) {
  database->checkpoint_failure = spoilt(errc::database_gone);
  database->pages = 100;
  start();
  give(1);
  scheduler.run();
  BOOST_TEST((committed == reports{{1, 1}}));
  BOOST_TEST(checkpointed.empty());
  pass(100ms);
  BOOST_TEST(database->opened == 2);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_whose_sync_failed_is_not_tried_again_and_the_process_is_to_end) {
  database->checkpoint_failure = storage::trouble{{errc::outcome_unknown, ""}, storage::remedy::end_process};
  database->pages = 100;
  start();
  give(1);
  scheduler.run();
  BOOST_TEST(fatal == 1);
  BOOST_TEST(checkpointed.empty());
  BOOST_TEST(ended());
}

BOOST_AUTO_TEST_CASE(a_database_that_is_locked_when_it_is_opened_is_tried_again) {
  open_failures = {{errc::locked, "held"}, {errc::locked, "held"}};
  start();
  BOOST_TEST(ready.empty());
  BOOST_TEST((look().blocked->code == errc::locked));
  pass(100ms);
  BOOST_TEST((ready == std::vector<std::uint64_t>{0}));
  BOOST_TEST(!look().blocked);
  give(1);
  scheduler.run();
  BOOST_TEST((committed == reports{{1, 1}}));
}

BOOST_AUTO_TEST_CASE(enough_waiting_pages_are_checkpointed_and_the_queue_is_told) {
  start();
  database->pages = 99;
  give(1);
  scheduler.run();
  BOOST_TEST(checkpointed.empty());
  database->pages = 100;
  give(2, 4);
  scheduler.run();
  BOOST_TEST((checkpointed == std::vector<std::uint64_t>{5}));
}

BOOST_AUTO_TEST_CASE(an_idle_writer_checkpoints_once) {
  start();
  database->pages = 1;
  give(1);
  scheduler.run();
  pass(1s);
  BOOST_TEST((checkpointed == std::vector<std::uint64_t>{1}));
  pass(5s);
  BOOST_TEST(database->checkpoints == 1);
}

BOOST_AUTO_TEST_CASE(a_busy_writer_does_not_checkpoint_before_its_pages_are_many) {
  start();
  database->pages = 1;
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    give(seq);
    scheduler.run();
    pass(100ms);
  }
  BOOST_TEST(database->checkpoints == 0);
}

BOOST_AUTO_TEST_CASE(a_real_database_is_written_and_checkpointed) {
  const auto file = folder.path() / "database.sqlite3";
  BOOST_REQUIRE(storage::sqlite::make_database(file)->prepare(true));
  auto queue = track(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
    return {[this](const writer_ready& message) { ready.push_back(message.applied.seq); },
            [](const batch_applied& message) {
              for (const auto& answer : *message.answers) {
                BOOST_TEST(answer.has_value());
              }
            },
            [this](const database_checkpointed& message) { checkpointed.push_back(message.seq); }};
  }));
  tested = track(system.spawn(
    writer, writer_options{.open_database = [file] { return storage::sqlite::make_database(file)->open_writer(); },
                           .queue = caf::actor_cast<writer_listener>(queue)}));
  auto work = std::make_shared<storage::batch>();
  work->first_seq = 1;
  work->items = {schema_script{"0001", "CREATE TABLE t(n INTEGER)"}, execute("INSERT INTO t VALUES (?1)", 7)};
  caf::anon_send(tested, apply_batch{work, 1});
  scheduler.run();
  BOOST_TEST((ready == std::vector<std::uint64_t>{0}));
  BOOST_TEST(plain_connection{file}.rows("SELECT n FROM t") == "7");
  pass(1s);
  BOOST_TEST((checkpointed == std::vector<std::uint64_t>{2}));
}

BOOST_AUTO_TEST_SUITE_END()
