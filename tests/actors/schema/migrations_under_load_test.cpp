/// Migrations of tables with more than 100,000 rows, and what fails in them, under 100 clients that go on all the
/// while.

#include "migrator_fixture.hpp"

#include <millrace/tests/support/actors/load_clients.hpp>

#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

constexpr auto filled = R"(
CREATE TABLE person(id INTEGER PRIMARY KEY, email TEXT NOT NULL, age INTEGER NOT NULL CHECK (age <= 150));
CREATE UNIQUE INDEX person_email ON person(email);
CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER, number INTEGER, code TEXT UNIQUE, note TEXT,
  person INTEGER NOT NULL DEFAULT 1 REFERENCES person(id) ON DELETE CASCADE, sponsor INTEGER REFERENCES person(id));
CREATE INDEX entry_by_client ON entry(client, number);
CREATE INDEX entry_by_person ON entry(person);
CREATE INDEX entry_by_sponsor ON entry(sponsor);
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 100001)
  INSERT INTO person SELECT n, 'p' || n || '@x.org', n % 100 FROM i;
INSERT INTO entry(code, person) SELECT 'c' || id, id FROM person ORDER BY id;
)";

/// In SQLite's twelve steps, with a column more, which an entry's note fills.
constexpr auto rebuild_entry = R"(PRAGMA foreign_keys=OFF;
BEGIN;
CREATE TABLE entry_new(id INTEGER PRIMARY KEY, client INTEGER, number INTEGER, code TEXT UNIQUE, note TEXT,
  person INTEGER NOT NULL DEFAULT 1 REFERENCES person(id) ON DELETE CASCADE, sponsor INTEGER REFERENCES person(id),
  size INTEGER NOT NULL DEFAULT 0);
INSERT INTO entry_new SELECT id, client, number, code, note, person, sponsor, length(ifnull(note, '')) FROM entry;
DROP TABLE entry;
ALTER TABLE entry_new RENAME TO entry;
CREATE INDEX entry_by_client ON entry(client, number);
CREATE INDEX entry_by_person ON entry(person);
CREATE INDEX entry_by_sponsor ON entry(sponsor);
PRAGMA foreign_key_check;
COMMIT;
)";

struct migrations_under_load_fixture : migrator_fixture {
  std::optional<load_run> clients;
  std::string lifted{}; ///< The constraint that a migration took away.

  void begin(load_run::settings how = {}) {
    open(filled);
    how.clients = 100;
    how.pause = 50ms;
    clients.emplace(system, tested->front(), std::move(how));
    go_on();
  }

  /// Waits until the clients have been answered some more.
  void go_on() {
    const auto wanted = clients->acknowledged + 100;
    BOOST_REQUIRE(eventually([&] { return clients->acknowledged >= wanted; }));
  }

  std::string schema() { return rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"); }
  /// What all rows but those of clients come to.
  std::string totals() {
    return rows(
      "SELECT count(*), sum(id * age), sum(id * length(email)) FROM person;"
      "SELECT count(*), sum(id * person), sum(id * sponsor), sum(id * length(code)), sum(id * length(note)) "
      "FROM entry WHERE client IS NULL");
  }
  std::string state() { return schema() + '\n' + totals(); }

  /// SQL of an operator.
  void sql(const std::string& text) {
    const auto done = make().apply_ad_hoc(text);
    BOOST_REQUIRE_MESSAGE(done, (done ? "" : text + ": " + to_string(done.error())));
  }

  migrator::planner back(std::size_t count) {
    return [this, count](const schema_state& now) { return plan_down(sets[0], now, count); };
  }

  /// It changes nothing, and says where it failed.
  void fails(const migrator::planner& plan, const std::string& where, const std::string& why) {
    const auto before = state();
    const auto done = make().run(plan);
    BOOST_REQUIRE_MESSAGE(!done, where);
    const auto& detail = done.error().detail;
    BOOST_TEST(detail.find(where) == 0u, detail);
    BOOST_TEST(detail.find(why) != std::string::npos, detail);
    BOOST_TEST(state() == before);
    constraints_hold();
    go_on();
  }

  void succeeds(const migrator::planner& plan) {
    BOOST_TEST(steps(make().run(plan)) > 0u);
    constraints_hold();
    go_on();
  }

  void constraints_hold() {
    const std::pair<std::string, std::string> wrong[] = {
      {"INSERT INTO person(id, email, age) VALUES (900001, 'p7@x.org', 1)", "UNIQUE constraint failed: person.email"},
      {"INSERT INTO entry(code) VALUES ('c7')", "UNIQUE constraint failed: entry.code"},
      {"INSERT INTO entry(person) VALUES (900001)", "FOREIGN KEY constraint failed"},
      {"UPDATE entry SET sponsor = 900001 WHERE code = 'c7'", "FOREIGN KEY constraint failed"},
      {"UPDATE person SET age = 151 WHERE id = 7", "CHECK constraint failed: age <= 150"},
    };
    auto db = connect();
    for (const auto& [sql, said] : wrong) {
      if (said != lifted) {
        const auto done = db.execute(sql);
        BOOST_TEST((!done && done.error().detail.find(said) != std::string::npos), sql);
      }
    }
  }

  /// Each client was answered, and each acknowledged entry is there once; also after the engine was opened again.
  void end() {
    clients->stop();
    BOOST_TEST(clients->unknown == 0u);
    check_invariants(*clients, system, tested->front());
    constraints_hold();
    const auto drift = make().state();
    BOOST_TEST((drift && drift->drift.empty()));
    BOOST_TEST(rows("PRAGMA foreign_key_check") == "");
    BOOST_TEST(rows("PRAGMA integrity_check") == "ok");
    const auto before = state();
    open();
    BOOST_TEST(state() == before);
    check_invariants(*clients, system, tested->front());
  }
};

/// A statement of a migration, and what keeps it from being run until it is mended.
struct obstacle {
  int statement;
  std::string said;
  std::string cause;
  std::string cure;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(migrations_under_load_suite, migrations_under_load_fixture)

BOOST_AUTO_TEST_CASE(a_migration_that_fails_at_any_statement_changes_nothing_and_goes_on_once_the_cause_is_gone) {
  const std::string up = R"(PRAGMA foreign_keys=OFF;
BEGIN;
CREATE TABLE mail(person INTEGER PRIMARY KEY REFERENCES person(id), address TEXT UNIQUE CHECK (address LIKE '%@%'));
CREATE UNIQUE INDEX entry_sponsor ON entry(sponsor);
ALTER TABLE person ADD COLUMN born INTEGER;
INSERT INTO mail SELECT id, email FROM person ORDER BY id;
UPDATE person SET age = age + 1, born = 2000 - age;
CREATE TABLE entry_new(id INTEGER PRIMARY KEY, client INTEGER, number INTEGER, code TEXT UNIQUE, note TEXT CHECK (length(note) < 9), person INTEGER NOT NULL DEFAULT 1 REFERENCES person(id) ON DELETE CASCADE, sponsor INTEGER REFERENCES person(id));
INSERT INTO entry_new SELECT id, client, number, code, note, iif(note = 'gone', 0, person), sponsor FROM entry;
DROP TABLE entry;
ALTER TABLE entry_new RENAME TO entry;
CREATE INDEX entry_by_number ON entry(client, number);
CREATE TRIGGER entry_noted AFTER UPDATE OF note ON entry BEGIN UPDATE person SET born = NULL WHERE id = new.person; END;
DROP INDEX person_age;
PRAGMA foreign_key_check;
COMMIT;)";
  const obstacle obstacles[] = {
    {3, "table mail already exists", "CREATE TABLE mail(a)", "DROP TABLE mail"},
    {4, "UNIQUE constraint failed: entry.sponsor", "UPDATE entry SET sponsor = 5 WHERE id IN (1, 2)",
     "UPDATE entry SET sponsor = NULL WHERE id = 1"},
    {5, "duplicate column name: born", "ALTER TABLE person ADD COLUMN born", "ALTER TABLE person DROP COLUMN born"},
    {6, "CHECK constraint failed", "UPDATE person SET email = 'none' WHERE id = 100001",
     "UPDATE person SET email = 'p@x.org' WHERE id = 100001"},
    {7, "CHECK constraint failed", "UPDATE person SET age = 150 WHERE id = 100001",
     "UPDATE person SET age = 99 WHERE id = 100001"},
    {8, "table entry_new already exists", "CREATE TABLE entry_new(a)", "DROP TABLE entry_new"},
    {9, "CHECK constraint failed", "UPDATE entry SET note = 'much too long' WHERE id = 100001",
     "UPDATE entry SET note = NULL WHERE id = 100001"},
    {10, "no such table: entri", "", ""},
    {11, "error in view notes", "CREATE VIEW notes AS SELECT note FROM entry", "DROP VIEW notes"},
    {12, "index entry_by_number already exists", "CREATE INDEX entry_by_number ON person(age, id)",
     "DROP INDEX entry_by_number"},
    {13, "trigger entry_noted already exists",
     "CREATE TRIGGER entry_noted AFTER DELETE ON person WHEN old.id < 0 BEGIN SELECT 1; END",
     "DROP TRIGGER entry_noted"},
    {14, "no such index: person_age", "DROP INDEX person_age", "CREATE INDEX person_age ON person(age)"},
    {15, "a row of entry refers to one of person that is not there", "UPDATE entry SET note = 'gone' WHERE id = 100001",
     "UPDATE entry SET note = NULL WHERE id = 100001"},
  };
  begin();
  sql("CREATE INDEX person_age ON person(age)");
  add(up, "");
  for (const auto& one : obstacles) { // Each comes further than the one before it, so what was mended is.
    if (one.cause.empty()) {
      sets[0].migrations[0].up.replace(up.find("DROP TABLE entry"), 16, "DROP TABLE entri");
    } else {
      sql(one.cause);
    }
    fails(all(), fmt::format("migration main/1 m1, up: statement {0} (line {0}): ", one.statement), one.said);
    sets[0].migrations[0].up = up;
    if (!one.cure.empty()) {
      sql(one.cure);
    }
  }
  succeeds(all());
  BOOST_TEST(rows("SELECT count(*) FROM mail") == "100001");
  BOOST_TEST(rows("SELECT count(*), sum(born + age = 2001) FROM person") == "100001|100001");
  end();
}

BOOST_AUTO_TEST_CASE(foreign_keys_and_unique_constraints_in_the_way_of_a_rollback_keep_all_of_it_until_they_are_not) {
  begin();
  const auto at_first = state();
  add("DROP INDEX person_email; INSERT INTO person VALUES (200001, 'guest@x.org', 1), (200002, 'guest@x.org', 2)",
      "UPDATE person SET age = age + 1;\n"
      "DELETE FROM person WHERE id > 200000;\n"
      "CREATE UNIQUE INDEX person_email ON person(email);\n"
      "UPDATE person SET age = age - 1");
  lifted = "UNIQUE constraint failed: person.email";
  succeeds(all());
  sql("UPDATE entry SET sponsor = 200001 WHERE id = 100001; UPDATE person SET email = 'p1@x.org' WHERE id = 100001");
  fails(none(), "migration main/1 m1, down: statement 2 (line 2): ", "FOREIGN KEY constraint failed");
  sql("UPDATE entry SET sponsor = NULL WHERE id = 100001");
  fails(none(), "migration main/1 m1, down: statement 3 (line 3): ", "UNIQUE constraint failed: person.email");
  sql("UPDATE person SET email = 'p100001@x.org' WHERE id = 100001");
  lifted = "";
  succeeds(none());
  BOOST_TEST(state() == at_first);
  lifted = "UNIQUE constraint failed: person.email";
  succeeds(all());
  lifted = "";
  succeeds(none());
  BOOST_TEST(state() == at_first);
  end();
}

BOOST_AUTO_TEST_CASE(a_table_that_others_refer_to_is_dropped_and_made_again_without_touching_their_rows_or_not_at_all) {
  begin();
  const std::string rebuild =
    "CREATE TABLE person_new(id INTEGER PRIMARY KEY, email TEXT NOT NULL, age INTEGER NOT "
    "NULL CHECK (age <= 150), name TEXT);\n"
    "INSERT INTO person_new SELECT id, email, age, 'n' || id FROM person;\n"
    "DROP TABLE person;\n"
    "ALTER TABLE person_new RENAME TO person;\n"
    "CREATE UNIQUE INDEX person_email ON person(email);\n";
  add(rebuild, "");
  fails(all(), "migration main/1 m1, up: ",
        "table person was dropped and made again, which deletes or changes the rows of entry that refer to it");
  sets[0].migrations[0].up = "PRAGMA foreign_keys=OFF;\n" + rebuild;
  succeeds(all());
  BOOST_TEST(rows("SELECT count(*), sum(name = 'n' || id) FROM person") == "100001|100001");
  BOOST_TEST(rows("SELECT count(*) FROM entry WHERE client IS NULL AND person = id") == "100001");
  end();
}

BOOST_AUTO_TEST_CASE(clients_of_a_table_that_is_dropped_and_made_again_later_are_told_so_and_lose_nothing) {
  begin({.all_applied = true, .may_refuse = [](const failure& why) {
           return why.detail.find("no such table: entry") != std::string::npos;
         }});
  const auto at_first = state();
  const auto made = rows("SELECT sql FROM sqlite_schema WHERE name = 'entry'");
  add("CREATE TABLE kept AS SELECT * FROM entry; DROP TABLE entry", "");
  add(made + ";\nINSERT INTO entry SELECT * FROM kept;\n" + R"(DROP TABLE kept;
CREATE INDEX entry_by_client ON entry(client, number);
CREATE INDEX entry_by_person ON entry(person);
CREATE INDEX entry_by_sponsor ON entry(sponsor))",
      "");
  BOOST_TEST(steps(make().run([this](const schema_state& now) { return plan_up(sets, now, {.count = 1}); })) == 1u);
  BOOST_REQUIRE(eventually([this] { return clients->explained > 200; }));
  sql("UPDATE kept SET code = 'c1' WHERE id = 100001");
  const auto there = schema();
  const auto failed = make().run(all());
  BOOST_REQUIRE(!failed);
  BOOST_TEST(
    failed.error().detail
    == "migration main/2 m2, up: statement 2 (line 3): UNIQUE constraint failed: entry.code (SQLite code 2067)");
  BOOST_TEST(schema() == there);
  sql("UPDATE kept SET code = 'c100001' WHERE id = 100001");
  succeeds(all());
  BOOST_TEST(state() == at_first);
  end();
}

BOOST_AUTO_TEST_CASE(a_transformation_that_fails_midway_keeps_no_row_of_it_or_whole_parts_and_goes_on_after_them) {
  begin();
  add("ALTER TABLE person ADD COLUMN turns INTEGER NOT NULL DEFAULT 0", "ALTER TABLE person DROP COLUMN turns");
  add("UPDATE person SET turns = turns + 1, age = age + 1", "");
  succeeds([this](const schema_state& now) { return plan_up(sets, now, {.count = 1}); });
  sql("UPDATE person SET age = 150 WHERE id = 50000");
  fails(all(), "migration main/2 m2, up: statement 1 (line 1): ", "CHECK constraint failed: age <= 150");

  auto& parts = sets[0].migrations[1];
  parts.up = "UPDATE person SET turns = turns + 1, age = age + 1 WHERE id BETWEEN :first AND :last";
  parts.down = "UPDATE person SET turns = 0, age = age - 1 WHERE turns = 1";
  parts.backfill = "person";
  const auto before = state();
  for (std::uint64_t done = 0; const auto again : {false, true, false}) { // Again it comes nearer by smaller parts.
    const auto stuck = make().run(all());
    BOOST_REQUIRE(!stuck);
    BOOST_TEST(stuck.error().detail.find("migration main/2 m2, up: statement 1 (line 1): CHECK") == 0u,
               stuck.error().detail);
    const auto now = make().state();
    BOOST_REQUIRE((now && now->backfills.size() == 1u));
    BOOST_TEST((now->backfills[0].rows_done > (again ? done - 1 : 0) && now->backfills[0].rows_done < 50'000u));
    done = now->backfills[0].rows_done;
    BOOST_TEST(rows("SELECT sum(turns), max(iif(turns = 1, id, 0)), max(turns) FROM person")
               == fmt::format("{0}|{0}|1", done));
    constraints_hold();
    if (again) {
      succeeds(back(1));
      BOOST_TEST(state() == before);
    }
  }
  sql("UPDATE person SET age = 50 WHERE id = 50000");
  succeeds(all());
  BOOST_TEST(rows("SELECT count(*), min(turns), max(turns), sum(age - id % 100) FROM person") == "100001|1|1|100051");
  succeeds(none());
  end();
}

BOOST_AUTO_TEST_CASE(runs_at_the_same_time_take_each_step_once) {
  begin();
  const auto at_first = totals();
  add("ALTER TABLE person ADD COLUMN turns INTEGER NOT NULL DEFAULT 0 CHECK (turns < 2)",
      "ALTER TABLE person DROP COLUMN turns");
  add("UPDATE person SET turns = turns + 1 WHERE id BETWEEN :first AND :last", "UPDATE person SET turns = 0");
  sets[0].migrations[1].backfill = "person";
  add(rebuild_entry, "ALTER TABLE entry DROP COLUMN size");
  const auto at_once = [&](const std::vector<migrator::planner>& plans) {
    std::vector<expected<std::size_t>> done(plans.size(), expected<std::size_t>{0});
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      threads.emplace_back([&, i] { done[i] = make().run(plans[i]); });
    }
    threads.clear();
    return done;
  };
  for (const auto& one : at_once({all(), all(), all()})) {
    steps(one);
  }
  BOOST_TEST(rows("SELECT count(*), min(turns), max(turns) FROM person") == "100001|1|1");
  BOOST_TEST(
    rows("SELECT group_concat(version) FROM (SELECT version FROM millrace_history WHERE step = 2 ORDER BY seq)")
    == "1,2,3");
  constraints_hold();
  for (const auto& one : at_once({none(), none(), none()})) {
    steps(one);
  }
  BOOST_TEST(
    rows("SELECT group_concat(version) FROM (SELECT version FROM millrace_history WHERE step = 3 ORDER BY seq)")
    == "3,2,1");
  constraints_hold();
  for (const auto& one : at_once({all(), none(), all()})) { // Who is overtaken by the other says so.
    BOOST_TEST((one || one.error().code == errc::schema_conflict), (one ? "" : to_string(one.error())));
  }
  steps(make().run(all()));
  BOOST_TEST(rows("SELECT count(*), min(turns), max(turns) FROM person") == "100001|1|1");
  succeeds(none());
  BOOST_TEST(totals() == at_first);
  end();
}

BOOST_AUTO_TEST_CASE(a_way_back_that_failed_is_taken_back_itself_and_gone_once_it_is_mended) {
  begin();
  const auto at_first = state();
  add("CREATE TABLE mail AS SELECT id, email FROM person", "DROP TABLE mail");
  add("UPDATE person SET age = age + 1",
      "UPDATE person SET age = age - 1;\nUPDATE entry SET sponsor = 900001 WHERE id = 100001");
  add("CREATE UNIQUE INDEX entry_twice ON entry(code, id)", "DROP INDEX entry_twice");
  succeeds([this](const schema_state& now) { return plan_up(sets, now, {.count = 2}); });
  const auto at_two = state();
  succeeds(all());
  const auto at_three = state();
  const migrator::planner to_nothing = [this](const schema_state& now) { return plan_goto(sets, now, "main", 0); };
  for (int i = 0; i < 2; ++i) {
    const auto failed = make().run(to_nothing);
    BOOST_REQUIRE(!failed);
    BOOST_TEST(failed.error().detail.find("migration main/2 m2, down: statement 2 (line 2): FOREIGN KEY") == 0u,
               failed.error().detail);
    BOOST_TEST(state() == at_two);
    fails(to_nothing, "migration main/2 m2, down: statement 2 (line 2): ", "FOREIGN KEY constraint failed");
    succeeds(all());
    BOOST_TEST(state() == at_three);
  }
  sets[0].migrations[1].down = "UPDATE person SET age = age - 1";
  succeeds(to_nothing);
  BOOST_TEST(state() == at_first);
  succeeds(all());
  BOOST_TEST(state() == at_three);
  end();
}

BOOST_AUTO_TEST_CASE(who_reads_a_table_while_it_is_rebuilt_reads_it_as_it_was) {
  settings.read.lease = 5min;
  begin();
  add(rebuild_entry, "");
  add("ALTER TABLE person ADD COLUMN turns INTEGER NOT NULL DEFAULT 0; UPDATE person SET age = 150, turns = 1", "");
  const auto ages = rows("SELECT sum(age) FROM person");
  auto db = connect();
  auto pages = db.pages("SELECT * FROM person ORDER BY id");
  std::int64_t read = 0;
  std::int64_t sum = 0;
  for (const auto& page : pages) {
    BOOST_REQUIRE_MESSAGE(page, (page ? "" : to_string(page.error())));
    if (read == 0) {
      succeeds(all());
    }
    BOOST_TEST_REQUIRE(page->columns().size() == 3u);
    for (const auto row : *page) {
      ++read;
      sum += row[2].as_integer();
    }
  }
  BOOST_TEST(read == 100'001);
  BOOST_TEST(std::to_string(sum) == ages);
  BOOST_TEST(rows("SELECT min(age), max(turns) FROM person") == "150|1");
  end();
}

BOOST_AUTO_TEST_SUITE_END()
