#include <millrace/storage/database.hpp>
#include <millrace/tests/support/storage/chain.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

schema_change migration(schema_step step, std::uint8_t version, bool after_run = false) {
  const auto before = static_cast<std::uint8_t>(version - 1);
  return {.step = step,
          .set = "main",
          .expected = chain(step == schema_step::down ? version : before),
          .migrations = {{.version = version, .name = "m", .chain = chain(version)}},
          .sql = "SELECT 1",
          .after_run = after_run};
}

schema_change up(std::uint8_t version) {
  return migration(schema_step::up, version, true);
}

schema_change hook(std::string sql = "INSERT INTO said VALUES ('after')") {
  return {
    .step = schema_step::hook, .set = "main", .before = {{"main/after_run.sql", std::move(sql)}}, .after_run = true};
}

struct owed_hooks_fixture : database_fixture {
  owed_hooks_fixture() { schema("CREATE TABLE said(what)"); }

  void take(const schema_change& change) {
    const auto reply = apply_one(change);
    BOOST_TEST(code_of(reply) == errc::none, detail_of(reply));
  }

  std::string owed() { return rows("SELECT group_concat(set_name || since) FROM millrace_owed_hooks"); }
  std::string said() { return rows("SELECT count(*) FROM said"); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(owed_hooks_suite, owed_hooks_fixture)

BOOST_AUTO_TEST_CASE(what_a_run_owes_is_noted_with_its_migrations_and_settled_once) {
  take(up(1));
  BOOST_TEST(owed() == "main1");
  take(up(2));
  BOOST_TEST(owed() == "main1");
  BOOST_TEST(code_of(apply_one(hook("INSERT INTO nowhere VALUES (1)"))) == errc::bad_sql);
  BOOST_TEST(owed() == "main1");
  open();
  take(hook());
  BOOST_TEST(owed() == "NULL");
  take(hook()); // Of another run that applied the same.
  BOOST_TEST(said() == "1");
  BOOST_TEST(rows("SELECT count(*) FROM millrace_history WHERE step = 7") == "1");
  take(up(3));
  BOOST_TEST(owed() == "main3");
  take(hook());
  BOOST_TEST(said() == "2");
}

BOOST_AUTO_TEST_CASE(nothing_is_owed_for_a_run_that_is_taken_back_whole) {
  take(migration(schema_step::up, 1));
  take(up(2));
  take(up(3));
  take(migration(schema_step::down, 3));
  BOOST_TEST(owed() == "main2");
  take(migration(schema_step::down, 2));
  BOOST_TEST(owed() == "NULL");
}

BOOST_AUTO_TEST_CASE(nor_for_one_that_was_forgotten_once_what_is_before_it_is_taken_back) {
  take(migration(schema_step::up, 1));
  take(up(2));
  auto repair = migration(schema_step::repair, 1);
  repair.expected = chain(2);
  repair.sql = "-- forgotten";
  take(repair);
  BOOST_TEST(owed() == "main2");
  take(migration(schema_step::down, 1));
  BOOST_TEST(owed() == "NULL");
}

BOOST_AUTO_TEST_CASE(a_hook_that_leaves_a_key_open_is_named_once) {
  schema("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE d(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
  take(up(1));
  for (const auto* const sql : {"INSERT INTO d VALUES (7)", "INSERT INTO nowhere VALUES (7)"}) {
    const auto refused = apply_one(hook(sql));
    BOOST_TEST(detail_of(refused).find("main/after_run.sql: ") == 0u, detail_of(refused));
    BOOST_TEST(detail_of(refused).rfind("main/after_run.sql: ") == 0u, detail_of(refused));
  }
}

BOOST_AUTO_TEST_CASE(a_run_without_such_a_hook_owes_none_whatever_was_owed) {
  take(up(1));
  take(migration(schema_step::up, 2));
  BOOST_TEST(owed() == "NULL");
}

BOOST_AUTO_TEST_CASE(a_hook_before_a_run_is_run_whatever_is_owed_and_settles_nothing) {
  take(up(1));
  auto before = hook();
  before.after_run = false;
  take(before);
  take(before);
  BOOST_TEST(said() == "2");
  BOOST_TEST(owed() == "main1");
}

BOOST_AUTO_TEST_SUITE_END()
