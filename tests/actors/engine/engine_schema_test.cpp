/// Migrations of a program, and a schema that another program changed.

#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/log_listener.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

using namespace millrace;

namespace {

struct fixture : test::engine_fixture {
  fixture() {
    settings.migrations = {
      {.name = "main", .migrations = {{.version = 1, .name = "t", .up = "CREATE TABLE t(a)", .down = "DROP TABLE t"}}}};
  }

  void add_second() {
    settings.migrations[0].migrations.push_back({.version = 2, .name = "b", .up = "ALTER TABLE t ADD COLUMN b"});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(engine_schema_suite, fixture)

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
