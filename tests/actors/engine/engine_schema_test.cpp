/// Migrations of a program, and a schema that another program changed.

#include <millrace/actors/schema/migrator.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/log_listener.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

using namespace millrace;
using millrace::test::eventually;

namespace {

struct engine_schema_fixture : test::engine_fixture {
  engine_schema_fixture() {
    settings.migrations = {
      {.name = "main", .migrations = {{.version = 1, .name = "t", .up = "CREATE TABLE t(a)", .down = "DROP TABLE t"}}}};
  }

  /// As `millrace migrate up` does it.
  expected<std::size_t> migrate(const std::vector<migration_set>& sets) {
    return migrator{system, tested->operations()}.run([&](const schema_state& now) { return plan_up(sets, now, {}); });
  }

  /// A second migration that computes until it is interrupted.
  std::vector<migration_set> with_endless(std::chrono::milliseconds timeout) {
    auto sets = settings.migrations;
    sets[0].migrations.push_back(
      {.version = 2,
       .name = "loop",
       .up = "CREATE TABLE u(a); CREATE TABLE l AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL "
             "SELECT i + 1 FROM c) SELECT count(*) AS n FROM c",
       .timeout = timeout});
    return sets;
  }

  std::size_t quarantined() {
    caf::scoped_actor self{system};
    std::size_t count = 99;
    self->request(tested->operations(), std::chrono::minutes{1}, quarantine_list{})
      .receive([&](const quarantine_listing& listing) { count = listing.entries.size(); }, [](const caf::error&) {});
    return count;
  }

  void add_second() {
    settings.migrations[0].migrations.push_back({.version = 2, .name = "b", .up = "ALTER TABLE t ADD COLUMN b"});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(engine_schema_suite, engine_schema_fixture)

BOOST_AUTO_TEST_CASE(what_is_pending_is_applied_after_the_scripts_and_before_anybody_is_served) {
  settings.scripts = {{"0001", "CREATE TABLE s(a)"}};
  add_second();
  settings.migrations[0].migrations[1].up += "; INSERT INTO s VALUES (1)";
  open();
  auto db = connect();
  BOOST_TEST(db.execute("INSERT INTO t VALUES (1, 2)").has_value());
  open();
  BOOST_TEST(rows("SELECT count(*) FROM s") == "1");
}

BOOST_AUTO_TEST_CASE(an_engine_may_leave_it_to_others_and_then_does_not_open_before) {
  open();
  tested.reset();
  add_second();
  settings.pending = pending_migrations::refuse;
  const auto why = refusal();
  BOOST_TEST(why.code == errc::schema_conflict);
  BOOST_TEST(why.detail == "main/0002_b is not applied; `millrace migrate up` applies it");
  settings.pending = pending_migrations::apply;
  open();
  tested.reset();
  settings.pending = pending_migrations::refuse;
  open();
}

BOOST_AUTO_TEST_CASE(one_that_fails_keeps_the_engine_closed_and_the_schema_as_it_was) {
  open();
  tested.reset();
  settings.migrations[0].migrations.push_back({.version = 2, .name = "bad", .up = "CREATE TABLE u(a); SELECT nothing"});
  const auto why = refusal();
  BOOST_TEST(why.code == errc::bad_sql);
  BOOST_TEST(why.detail.find("migration main/2 bad, up: statement 2 (line 1)") == 0u, why.detail);
  settings.migrations[0].migrations[1].up = "CREATE TABLE u(a)";
  open();
}

BOOST_AUTO_TEST_CASE(a_file_that_was_changed_keeps_the_engine_closed) {
  open();
  tested.reset();
  settings.migrations[0].migrations[0].up += " -- more";
  BOOST_TEST(refusal().detail.find("its file was changed or renamed after it was applied") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(hooks_run_while_the_engine_is_opened_and_one_that_objects_keeps_it_closed) {
  settings.migrations[0].hooks.before_run = "CREATE TABLE said(what)";
  settings.migrations[0].hooks.after_each = "INSERT INTO said VALUES ('after')";
  int backups = 0;
  settings.hooks.before_run = [&](const migration_plan& plan) -> std::optional<failure> {
    BOOST_TEST(plan.size() == 2u);
    return ++backups == 1 ? std::optional{failure{errc::disk_full, "there is no room for a backup"}} : std::nullopt;
  };
  const auto why = refusal();
  BOOST_TEST(why.code == errc::disk_full);
  BOOST_TEST(why.detail == "there is no room for a backup");
  open();
  BOOST_TEST(rows("SELECT what FROM said") == "after");
  open();
  BOOST_TEST(backups == 2);
  tested.reset();
  add_second();
  settings.pending = pending_migrations::refuse;
  BOOST_TEST(refusal().detail.find("main/0002_b is not applied") == 0u);
}

BOOST_AUTO_TEST_CASE(a_hook_that_is_owed_is_pending_too) {
  open();
  tested.reset();
  add_second();
  settings.migrations[0].hooks.after_run = "CREATE VIEW v AS SELECT * FROM nowhere; SELECT * FROM v";
  BOOST_TEST(refusal().detail.find("main/after_run.sql: statement 2") != std::string::npos);
  settings.migrations[0].hooks.after_run = "CREATE VIEW v AS SELECT * FROM t";
  settings.pending = pending_migrations::refuse;
  BOOST_TEST(refusal().detail == "main/after_run.sql is owed; `millrace migrate up` runs it");
  settings.pending = pending_migrations::apply;
  open();
  BOOST_TEST(rows("SELECT count(*) FROM v") == "0");
  tested.reset();
  settings.pending = pending_migrations::refuse;
  open();
}

BOOST_AUTO_TEST_CASE(a_migration_beyond_its_timeout_is_called_off_and_others_go_on) {
  open();
  const auto done = migrate(with_endless(std::chrono::milliseconds{100}));
  BOOST_REQUIRE(!done);
  BOOST_TEST(done.error().code == errc::deadline_exceeded);
  BOOST_TEST(done.error().detail
             == "migration main/2 loop, up: it took longer than its timeout of 100 ms, and nothing of it was kept; give "
                "it a longer one, or less to do, and apply it again");
  BOOST_TEST(connect().execute("INSERT INTO t VALUES (1)").has_value());
  BOOST_TEST(quarantined() == 0u);
  BOOST_TEST(tested->restarts("writer") == 0);
  BOOST_TEST(rows("SELECT group_concat(name) FROM sqlite_schema WHERE name IN ('t', 'u', 'l')") == "t");
  auto mended = with_endless(std::chrono::minutes{10});
  mended[0].migrations[1].up = "CREATE TABLE u(a)";
  BOOST_TEST(migrate(mended).has_value());
}

/// As after a crash in the midst of it: the log holds it, and nothing says what became of it.
BOOST_AUTO_TEST_CASE(a_timeout_holds_when_the_log_is_applied_again_and_once_more) {
  settings.drain_deadline = std::chrono::milliseconds{0};
  open();
  const auto left = folder.path() / "left";
  {
    std::jthread waiting{[&] { (void) migrate(with_endless(std::chrono::seconds{1})); }};
    auto db = connect();
    BOOST_REQUIRE(eventually([&] {
      const auto report = db.health();
      return report && report->durable_seq == 2;
    }));
    auto work = execute("INSERT INTO t VALUES (1)");
    work.acknowledgement = ack::durable;
    BOOST_TEST(db.execute(work).has_value());
    std::filesystem::copy(settings.data, left, std::filesystem::copy_options::recursive);
    tested.reset();
  }
  const auto killed = settings.data;
  for (const auto& data : {killed, left, left}) {
    settings.data = data;
    open();
    BOOST_TEST(connect().execute("INSERT INTO t VALUES (2)").has_value());
    BOOST_TEST(rows("SELECT min(a) FROM t") == "1");
    BOOST_TEST(rows("SELECT max(version) FROM millrace_migrations") == "1");
    BOOST_TEST(quarantined() == 0u);
    tested.reset();
  }
}

BOOST_AUTO_TEST_CASE(what_another_program_did_to_the_schema_is_logged_or_refused) {
  open();
  tested.reset();
  test::plain_connection{database()}.execute("CREATE TABLE theirs(a); ALTER TABLE t ADD COLUMN c");
  {
    test::log_listener log;
    open();
    BOOST_TEST(log.has("another program changed the schema: table t was changed, table theirs was added"));
  }
  tested.reset();
  settings.drift = schema_drift::refuse;
  const auto why = refusal();
  BOOST_TEST(why.code == errc::schema_conflict);
  BOOST_TEST(why.detail.find("`millrace schema diff` shows it") != std::string::npos, why.detail);
  settings.drift = schema_drift::warn;
  open();
  auto db = connect();
  BOOST_TEST(db.execute("INSERT INTO theirs VALUES (1)").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
