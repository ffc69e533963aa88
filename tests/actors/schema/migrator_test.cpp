#include "migrator_fixture.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using millrace::test::steps;

BOOST_FIXTURE_TEST_SUITE(migrator_suite, test::migrator_fixture)

BOOST_AUTO_TEST_CASE(migrations_are_applied_and_taken_back_through_the_log) {
  open();
  add("CREATE TABLE t(a)", "DROP TABLE t");
  add("ALTER TABLE t ADD COLUMN b", "ALTER TABLE t DROP COLUMN b");
  std::vector<std::string> told;
  migrator_options how{.author = "ada"};
  how.hooks.before_each = [&](const planned_change& one) {
    told.push_back(one.name);
    return std::nullopt;
  };
  auto by = make(std::move(how));
  BOOST_TEST(steps(by.run(all())) == 2u);
  BOOST_TEST(steps(by.run(all())) == 0u);
  BOOST_TEST((told == std::vector<std::string>{"m1", "m2"}));
  BOOST_TEST(rows("SELECT sql FROM sqlite_schema WHERE name = 't'") == "CREATE TABLE t(a, b)");
  open(); // What is applied is read from the database alone.
  auto again = make();
  BOOST_TEST(steps(again.run(none())) == 2u);
  BOOST_TEST(rows("SELECT count(*) FROM sqlite_schema WHERE name = 't'") == "0");
  const auto history = again.history(0, 10);
  BOOST_REQUIRE((history && history->history.size() == 4u));
  BOOST_TEST(history->history[0].author == "ada");
}

BOOST_AUTO_TEST_CASE(one_that_fails_leaves_what_was_done_before_it_and_goes_on_once_the_cause_is_gone) {
  open();
  add("CREATE TABLE t(a)", "DROP TABLE t");
  add("CREATE UNIQUE INDEX t_a ON t(a)", "DROP INDEX t_a");
  add("CREATE TABLE u(a)", "DROP TABLE u");
  auto by = make();
  BOOST_TEST(steps(by.run([this](const schema_state& now) { return plan_up(sets, now, {.count = 1}); })) == 1u);
  auto db = connect();
  BOOST_REQUIRE(db.execute("INSERT INTO t VALUES (1), (1)"));
  const auto failed = by.run(all());
  BOOST_REQUIRE(!failed);
  BOOST_TEST(failed.error().code == errc::constraint);
  BOOST_TEST(failed.error().detail.find("migration main/2 m2, up: statement 1 (line 1)") == 0u, failed.error().detail);
  BOOST_REQUIRE(db.execute("DELETE FROM t WHERE rowid = 2"));
  BOOST_TEST(steps(by.run(all())) == 2u);
}

BOOST_AUTO_TEST_CASE(of_two_that_migrate_at_once_each_migration_is_applied_by_one) {
  open();
  for (int i = 1; i <= 40; ++i) {
    const auto table = "t" + std::to_string(i);
    add("CREATE TABLE " + table + "(a)", "DROP TABLE " + table);
  }
  for (int round = 0; round < 5; ++round) {
    for (const auto& plan : {all(), none()}) {
      std::atomic<std::size_t> taken{0};
      std::vector<std::jthread> threads;
      std::vector<expected<std::size_t>> done(3, expected<std::size_t>{0});
      for (auto& one : done) {
        threads.emplace_back([&] {
          one = make().run(plan);
          taken += one ? *one : 0;
        });
      }
      threads.clear();
      for (const auto& one : done) {
        BOOST_TEST_REQUIRE(one.has_value(), (one ? "" : to_string(one.error())));
      }
      // Whose step was found applied by then counts it, too.
      BOOST_TEST(taken >= 40u);
    }
  }
  BOOST_TEST(rows("SELECT count(*) FROM millrace_history") == "400");
  BOOST_TEST(rows("SELECT count(*) FROM millrace_migrations") == "0");
}

BOOST_AUTO_TEST_CASE(a_rehearsal_keeps_nothing_and_is_not_in_the_log) {
  open();
  add("CREATE TABLE t(a)", "DROP TABLE t");
  add("CREATE INDEX t_a ON t(a)", "DROP INDEX t_a");
  auto by = make();
  const auto plan = plan_up(sets, {}, {});
  const auto done = by.rehearse(*plan);
  BOOST_REQUIRE_MESSAGE(done, (done ? "" : to_string(done.error())));
  BOOST_REQUIRE(done->changes.size() == 2u);
  BOOST_TEST(done->changes[1].differences.at(0).name == "t_a");
  BOOST_TEST(rows("SELECT applied_seq FROM millrace_meta") == "0");
  add("CREATE INDEX t_b ON t(b)", "");
  const auto failed = by.rehearse(*plan_up(sets, {}, {}));
  BOOST_REQUIRE(!failed);
  BOOST_TEST(failed.error().code == errc::bad_sql);
  BOOST_TEST(steps(by.run([this](const schema_state& now) { return plan_up(sets, now, {.count = 2}); })) == 2u);
}

BOOST_AUTO_TEST_CASE(a_rehearsal_that_nobody_waits_for_any_more_keeps_nobody_waiting) {
  open("CREATE TABLE others(a)");
  add("CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n",
      "DROP TABLE t");
  for (int patience : {0, 5}) { // Before it is begun, perhaps, and while it runs.
    migrator_options how;
    how.abandon = [&] {
      return patience-- > 0 ? std::nullopt : std::optional{failure{errc::outcome_unknown, "it took too long"}};
    };
    const auto left = make(std::move(how)).rehearse(*plan_up(sets, {}, {}));
    BOOST_REQUIRE(!left);
    BOOST_TEST(left.error().detail == "it took too long");
    BOOST_TEST(connect().execute("INSERT INTO others VALUES (1)").has_value());
  }
}

BOOST_AUTO_TEST_CASE(an_engine_may_refuse_ad_hoc_changes_and_takes_migrations_all_the_same) {
  settings.ad_hoc_schema = ad_hoc_changes::refuse;
  open();
  auto by = make();
  const auto refused = by.apply_ad_hoc("CREATE TABLE t(a)");
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code == errc::not_permitted);
  add("CREATE TABLE t(a)", "DROP TABLE t");
  BOOST_TEST(steps(by.run(all())) == 1u);
}

BOOST_AUTO_TEST_CASE(hooks_of_a_set_run_around_what_is_applied_and_once_around_the_run) {
  open("CREATE TABLE said(what)");
  add("CREATE TABLE t(a)", "DROP TABLE t");
  add("CREATE TABLE u(a)", "DROP TABLE u");
  const auto say = [](const std::string& what) { return "INSERT INTO said VALUES ('" + what + "')"; };
  sets[0].hooks = {.before_run = say("before run"),
                   .after_run = say("after run"),
                   .before_each = say("before each"),
                   .after_each = say("after each")};
  sets[0].migrations[1].before = say("before 2");
  sets[0].migrations[1].after = say("after 2");
  auto by = make();
  const auto tried = by.rehearse(*plan_up(sets, {}, {}));
  BOOST_REQUIRE_MESSAGE(tried, (tried ? "" : to_string(tried.error())));
  BOOST_TEST(tried->changes.size() == 4u);
  BOOST_TEST(rows("SELECT count(*) FROM said") == "0");
  BOOST_TEST(steps(by.run(all())) == 4u);
  BOOST_TEST(rows("SELECT group_concat(what) FROM (SELECT what FROM said ORDER BY rowid)")
             == "before run,before each,after each,before each,before 2,after 2,after each,after run");
  BOOST_TEST(steps(by.run(all())) == 0u);
  BOOST_TEST(steps(by.run(none())) == 2u);
  BOOST_TEST(rows("SELECT count(*) FROM said") == "8");
}

BOOST_AUTO_TEST_CASE(the_hooks_of_a_run_are_run_once_though_it_is_planned_anew) {
  open("CREATE TABLE said(what)");
  add("CREATE TABLE t(a)", "DROP TABLE t");
  add("CREATE TABLE u(a)", "DROP TABLE u");
  sets[0].hooks.before_run = "INSERT INTO said VALUES ('before')";
  sets[0].hooks.after_run = "INSERT INTO said VALUES ('after')";
  auto other = sets;
  other[0].hooks = {};
  migrator_options how;
  bool first = true;
  how.hooks.before_each = [&](const planned_change& one) { // Another one applies and takes back, so the plan is old.
    if (one.id.version == 2 && std::exchange(first, false)) {
      BOOST_TEST(steps(make().run([&](const schema_state& now) { return plan_down(other[0], now, 1); })) == 1u);
    }
    return std::nullopt;
  };
  auto by = make(std::move(how));
  const auto done = by.run(all());
  BOOST_TEST(rows("SELECT group_concat(what) FROM (SELECT what FROM said ORDER BY rowid)") == "before,after");
  BOOST_TEST(steps(done) == 5u); // One migration twice.
}

BOOST_AUTO_TEST_CASE(the_hook_after_a_run_that_failed_is_run_by_the_next_one_and_once) {
  open("CREATE TABLE said(what)");
  add("CREATE TABLE t(a)", "DROP TABLE t");
  sets[0].hooks.after_run = "INSERT INTO nowhere VALUES (1)";
  BOOST_TEST(!make().run(all()));
  open();
  const auto left = make().state();
  BOOST_REQUIRE(left);
  BOOST_TEST((left->owed == std::vector<migration_id>{{"main", 1}}));
  sets[0].hooks.after_run = "INSERT INTO said VALUES ('after')";
  const auto due = plan_up(sets, *left, {});
  BOOST_REQUIRE(due);
  BOOST_TEST(make().rehearse(*due).has_value());
  BOOST_TEST(steps(make().run(all())) == 1u);
  BOOST_TEST(steps(make().run([&](const schema_state&) { return due; })) == 1u); // Another one, which saw the same.
  BOOST_TEST(steps(make().run(all())) == 0u);
  BOOST_TEST(rows("SELECT count(*) FROM said") == "1");
}

BOOST_AUTO_TEST_CASE(of_two_runs_that_applied_the_same_one_runs_the_hook_after_it) {
  open("CREATE TABLE said(what)");
  sets[0].hooks.after_run = "INSERT INTO said VALUES ('after')";
  const auto both = [&] {
    const auto now = make().state();
    BOOST_REQUIRE(now);
    const auto due = plan_up(sets, *now, {});
    BOOST_REQUIRE(due);
    for (int i = 0; i < 2; ++i) {
      BOOST_TEST(steps(make().run([&](const schema_state&) { return due; })) == 2u);
    }
  };
  add("CREATE TABLE t(a)", "DROP TABLE t");
  both();
  add("CREATE TABLE u(a)", "DROP TABLE u");
  both();
  BOOST_TEST(rows("SELECT count(*) FROM said") == "2");
}

BOOST_AUTO_TEST_CASE(a_hook_of_the_program_ends_a_run_and_what_took_effect_stands) {
  open();
  add("CREATE TABLE t(a)", "DROP TABLE t");
  add("CREATE TABLE u(a)", "DROP TABLE u");
  std::string told;
  const auto run = [&](auto set_up) {
    migrator_options how;
    how.hooks = {.before_run = [&](const migration_plan& plan) -> std::optional<failure> {
                   told += "<" + std::to_string(plan.size());
                   return std::nullopt;
                 },
                 .after_run = [&](const migration_plan&) -> std::optional<failure> {
                   told += '>';
                   return std::nullopt;
                 },
                 .before_each = [&](const planned_change& one) -> std::optional<failure> {
                   told += '(' + one.name;
                   return std::nullopt;
                 },
                 .after_each = [&](const planned_change&, std::chrono::milliseconds) -> std::optional<failure> {
                   told += ')';
                   return std::nullopt;
                 }};
    set_up(how.hooks);
    const auto done = make(std::move(how)).run(all());
    return done ? "" : to_string(done.error());
  };
  const failure no{errc::disk_full, "no backup"};
  const auto applied = [&] { return rows("SELECT count(*) FROM millrace_migrations"); };
  BOOST_TEST(run([&](auto& own) { own.before_run = [&](const auto&) { return no; }; }) == to_string(no));
  BOOST_TEST(run([&](auto& own) { own.before_each = [&](const auto&) { return no; }; }) == to_string(no));
  BOOST_TEST(applied() == "0");
  told.clear();
  const auto thrown = run([&](auto& own) {
    own.after_each = [](const auto&, auto) -> std::optional<failure> { throw std::runtime_error{"out of paper"}; };
  });
  BOOST_TEST(thrown.find("the program's hook after_each threw: out of paper") != std::string::npos, thrown);
  BOOST_TEST(applied() == "1");
  BOOST_TEST(told == "<2(m1");
  told.clear();
  BOOST_TEST(run([](auto&) {}) == "");
  BOOST_TEST(told == "<1(m2)>");
  told.clear();
  BOOST_TEST(run([](auto&) {}) == ""); // There is nothing to do.
  BOOST_TEST(told == "");
}

BOOST_AUTO_TEST_CASE(a_change_that_makes_no_sense_is_malformed) {
  open();
  caf::scoped_actor self{system};
  const auto code = [&](schema_change change) {
    errc found = errc::none;
    self->request(tested->operations(), std::chrono::minutes{1}, std::move(change))
      .receive([](const outcome&) {}, [&](const caf::error& why) { found = failure_of(why).code; });
    return found;
  };
  const applied_migration one{.version = 1, .name = "a"};
  BOOST_TEST(code({.step = schema_step::script, .sql = "CREATE TABLE t(a)"}) == errc::malformed);
  BOOST_TEST(code({.step = static_cast<schema_step>(77)}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::seed, .set = "dev"}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::seed, .set = "a b", .migrations = {one}}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::up, .set = "main"}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::up, .set = "a b", .migrations = {one}}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::baseline, .set = "main", .migrations = {one, one}}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::up, .set = "main", .migrations = {{.version = 1, .needs = {{"/", 1}}}}})
             == errc::malformed);
  for (const auto step : {schema_step::down, schema_step::baseline, schema_step::repair, schema_step::ad_hoc}) {
    schema_change hooked{.step = step, .set = "main", .after = {{"x", "SELECT 1"}}};
    if (step != schema_step::ad_hoc) {
      hooked.migrations = {one};
    }
    BOOST_TEST(code(hooked) == errc::malformed);
  }
  BOOST_TEST(code({.step = schema_step::hook, .set = "main", .sql = "SELECT 1"}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::hook, .before = {{"x", "SELECT 1"}}}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::down, .set = "main", .migrations = {one}, .after_run = true})
             == errc::malformed);
  BOOST_TEST(code({.timeout = std::chrono::milliseconds{-1}}) == errc::malformed);
  BOOST_TEST(code({.timeout = std::chrono::milliseconds::max()}) == errc::malformed);
  BOOST_TEST(code({.step = schema_step::up, .set = "main", .migrations = {one}}) == errc::none);
}

BOOST_AUTO_TEST_CASE(a_backfill_runs_between_the_work_of_others_and_goes_on_where_it_was_stopped) {
  settings.log.segment_bytes = 4 * 1024 * 1024;
  open(
    "CREATE TABLE t(id INTEGER PRIMARY KEY, n NOT NULL);"
    "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 20000) INSERT INTO t SELECT n, 0 FROM i;"
    "CREATE TABLE others(a)");
  add("UPDATE t SET n = n + 1 WHERE id BETWEEN :first AND :last", "UPDATE t SET n = 0");
  sets[0].migrations[0].backfill = "t";
  add("CREATE TABLE after(a)", "DROP TABLE after");
  std::atomic<bool> over = false;
  std::size_t answered = 0;
  std::jthread other{[&] {
    for (auto db = connect(); !over; ++answered) {
      BOOST_REQUIRE(db.execute("INSERT INTO others VALUES (1)"));
    }
  }};
  int parts = 0;
  const auto stopped = make({.stop = [&] { return ++parts > 4; }}).run(all());
  BOOST_REQUIRE(!stopped);
  BOOST_TEST(stopped.error().detail == "it was stopped between two parts of a backfill");
  const auto half = make().state();
  BOOST_REQUIRE((half && half->backfills.size() == 1u));
  BOOST_TEST(half->backfills[0].rows_done > 0u);
  // Two that go on with it at once do each row once all the same.
  std::vector<expected<std::size_t>> done(2, expected<std::size_t>{0});
  {
    std::vector<std::jthread> threads;
    for (auto& one : done) {
      threads.emplace_back([&] { one = make().run(all()); });
    }
  }
  over = true;
  other.join();
  for (const auto& one : done) {
    BOOST_TEST(one.has_value(), (one ? "" : to_string(one.error())));
  }
  BOOST_TEST(answered > 0u);
  BOOST_TEST(rows("SELECT min(n), max(n), count(*) FROM t") == "1|1|20000");
  BOOST_TEST(rows("SELECT count(*) FROM others") == std::to_string(answered));
  BOOST_TEST(rows("SELECT group_concat(version) FROM millrace_migrations") == "1,2");
  BOOST_TEST(steps(make().run(none())) == 2u);
}

BOOST_AUTO_TEST_CASE(a_part_that_takes_too_long_is_cut_up_and_its_rows_are_done_all_the_same) {
  open(
    "CREATE TABLE t(id INTEGER PRIMARY KEY, n NOT NULL);"
    "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 70) INSERT INTO t SELECT n, 0 FROM i");
  // Each of the last three rows takes longer than many of the others.
  add(
    "UPDATE t SET n = n + 1 + 0 * (WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i "
    "WHERE x < iif(t.id > 67, 3000000, 1)) SELECT count(*) FROM i) WHERE id BETWEEN :first AND :last",
    "UPDATE t SET n = 0");
  sets[0].migrations[0].backfill = "t";
  BOOST_TEST(steps(make().run(all())) == 1u);
  BOOST_TEST(rows("SELECT min(n), max(n) FROM t") == "1|1");
  BOOST_TEST(rows("SELECT count(*) FROM millrace_quarantine") == "0");
}

BOOST_AUTO_TEST_CASE(a_backfill_that_is_paused_elsewhere_says_so_and_one_that_is_begun_can_be_taken_back) {
  open("CREATE TABLE t(id INTEGER PRIMARY KEY, n NOT NULL); INSERT INTO t VALUES (1, 0), (2, 0)");
  add("UPDATE t SET n = n + 1 WHERE id BETWEEN :first AND :last", "UPDATE t SET n = 0");
  sets[0].migrations[0].backfill = "t";
  auto by = make();
  const auto empty = by.state();
  BOOST_REQUIRE(empty);
  const auto plan = plan_up(sets, *empty, {});
  BOOST_REQUIRE(plan);
  auto first = plan->front().change;
  first.rows_max = 1;
  caf::scoped_actor self{system};
  self->request(tested->operations(), caf::infinite, first)
    .receive([](const outcome& done) { BOOST_TEST(done.results.at(0).rows_changed == 1); },
             [](const caf::error& why) { BOOST_ERROR(to_string(failure_of(why))); });
  const auto pause = [&](schema_step step) {
    return steps(by.run([&, step](const schema_state& now) { return plan_pause(sets[0], now, step); }));
  };
  BOOST_TEST(pause(schema_step::pause) == 1u);
  const auto refused = by.run(all());
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().detail == "backfill main/0001_m1 is paused; `millrace migrate resume` lets it go on");
  BOOST_TEST(pause(schema_step::resume) == 1u);
  BOOST_TEST(steps(by.run([this](const schema_state& now) { return plan_down(sets[0], now, 1); })) == 1u);
  BOOST_TEST(rows("SELECT sum(n) FROM t") == "0");
  BOOST_TEST(steps(by.run(all())) == 1u);
  BOOST_TEST(rows("SELECT sum(n) FROM t") == "2");
}

BOOST_AUTO_TEST_SUITE_END()
