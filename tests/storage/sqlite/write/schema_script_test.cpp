#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

BOOST_FIXTURE_TEST_SUITE(schema_script_suite, database_fixture)

BOOST_AUTO_TEST_CASE(a_script_is_applied_once_and_a_changed_one_is_refused) {
  const schema_script script{"001.sql", "CREATE TABLE t(a); -- data\nINSERT INTO t VALUES (1);\n"};
  BOOST_TEST(code_of(apply_one(script)) == errc::none);
  BOOST_TEST(code_of(apply_one(script)) == errc::none);
  BOOST_TEST(code_of(apply_one(schema_script{"001.sql", "CREATE TABLE u(a)"})) == errc::schema_changed);
  BOOST_TEST(rows("SELECT * FROM t") == "1");
  BOOST_TEST(rows("SELECT name, seq FROM millrace_schema") == "001.sql|1");
  BOOST_TEST(writer->applied_seq() == 3u);
}

BOOST_AUTO_TEST_CASE(a_script_that_fails_leaves_the_old_schema) {
  schema("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1)");
  const auto replies = apply({
    schema_script{"bad", "CREATE TABLE u(a); ALTER TABLE t RENAME TO v; INSERT INTO v VALUES (1)"},
    execute("INSERT INTO t VALUES (2)"),
    execute("INSERT INTO u VALUES (2)"),
  });
  BOOST_TEST(code_of(replies[0]) == errc::constraint);
  BOOST_TEST(code_of(replies[1]) == errc::none);
  BOOST_TEST(code_of(replies[2]) == errc::bad_sql);
  BOOST_TEST(rows("SELECT * FROM t") == "1\n2");
}

BOOST_AUTO_TEST_CASE(scripts_may_not_control_transactions_or_touch_what_is_not_theirs) {
  for (const std::string sql : {"BEGIN",
                                "COMMIT",
                                "ROLLBACK",
                                "SAVEPOINT s",
                                "PRAGMA foreign_keys = OFF",
                                "PRAGMA page_size",
                                "VACUUM",
                                "ATTACH 'x' AS x",
                                "DETACH main",
                                "DROP TABLE millrace_meta",
                                "CREATE TABLE Millrace_more(a)",
                                "UPDATE millrace_meta SET applied_seq = 0",
                                "CREATE TABLE mine(a); ALTER TABLE mine RENAME TO millrace_mine",
                                "CREATE TEMP TABLE t(a)",
                                "CREATE TABLE ok(a); CREATE INDEX millrace_i ON ok(a)",
                                "ALTER TABLE millrace_meta ADD COLUMN x",
                                "CREATE VIEW millrace_v AS SELECT 1",
                                "DELETE FROM sqlite_master",
                                "CREATE VIRTUAL TABLE v USING dbstat",
                                "CREATE TRIGGER r AFTER DELETE ON millrace_schema BEGIN SELECT 1; END"}) {
    const auto reply = apply_one(schema_script{"s", "CREATE TABLE fine(a); " + sql});
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(reply)) {
      BOOST_TEST(code_of(reply) == errc::not_permitted);
    }
  }
  BOOST_TEST(rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
             == "millrace_backfills\nmillrace_history\nmillrace_meta\nmillrace_migrations\nmillrace_objects\n"
                "millrace_outcomes\nmillrace_owed_hooks\nmillrace_quarantine\nmillrace_schema\nmillrace_seeds");
}

BOOST_AUTO_TEST_CASE(nothing_temporary_hides_a_table_however_it_is_said) {
  schema("CREATE TABLE c(id)");
  for (
    const std::string sql :
    {"CREATE TABLE temp.c(id)", "CREATE TABLE IF NOT EXISTS Temp.c(id)", "CREATE TABLE \"TEMP\".c AS SELECT 1 AS id",
     "CREATE TEMPORARY TABLE c(id)", "CREATE VIEW temp.c AS SELECT 1 AS id",
     "CREATE TRIGGER temp.c AFTER INSERT ON c BEGIN DELETE FROM c; END",
     "CREATE TRIGGER temp.c AFTER INSERT ON main.c BEGIN DELETE FROM c; END",
     "CREATE VIRTUAL TABLE temp.c USING fts5(id)", "CREATE VIRTUAL TABLE temp.c USING rtree(id, a, b)", "ANALYZE temp",
     "CREATE TABLE more(a); CREATE TRIGGER fine AFTER INSERT ON more BEGIN SELECT 1; END; CREATE TABLE temp.c(id)"}) {
    const auto reply = apply_one(schema_script{"s", sql});
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(reply)) {
      BOOST_TEST(code_of(reply) == errc::not_permitted);
      BOOST_TEST(detail_of(reply).find("what is temporary is gone after a restart") != std::string::npos);
    }
    // In the batch of the attempt, as whoever else sends at that time.
    const auto together = apply({schema_script{"s", sql}, execute("INSERT INTO c VALUES (1)")});
    BOOST_TEST(code_of(together.back()) == errc::none, sql);
  }
  BOOST_TEST(rows("SELECT count(*), sum(id) FROM main.c") == "11|11");
  BOOST_TEST(rows("SELECT count(*) FROM sqlite_temp_schema") == "0");
  // What is not temporary may be made, altered and removed as ever.
  schema(
    "CREATE TRIGGER main.t AFTER INSERT ON main.c BEGIN SELECT 1; END; CREATE VIEW main.v AS SELECT id FROM c;"
    "CREATE VIRTUAL TABLE main.f USING fts5(id); ALTER TABLE c RENAME TO d; ALTER TABLE d RENAME COLUMN id TO n;"
    "ALTER TABLE d ADD COLUMN m; CREATE INDEX main.i ON d(m); ANALYZE; DROP VIEW v; DROP TRIGGER t; DROP TABLE f");
  BOOST_TEST(rows("SELECT sum(n) FROM d") == "11");
}

BOOST_AUTO_TEST_CASE(a_script_may_stand_in_the_frame_that_a_dump_has) {
  // As sqlite3's .dump writes it: the child's rows come before the parent's.
  schema(
    "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
    "CREATE TABLE child(p INTEGER REFERENCES parent(id));\nINSERT INTO child VALUES(1);\n"
    "CREATE TABLE parent(id INTEGER PRIMARY KEY, note);\nINSERT INTO parent VALUES(1,'COMMIT; -- a note');\n"
    "COMMIT;\n-- the end\nPRAGMA foreign_keys=ON;");
  BOOST_TEST(rows("SELECT p, note FROM child JOIN parent ON id = p") == "1|COMMIT; -- a note");
  // What comes after it is held to foreign keys at once again.
  const auto replies = apply({execute("INSERT INTO child VALUES (2)"), execute("INSERT INTO child VALUES (1)")});
  BOOST_TEST(code_of(replies[0]) == errc::constraint);
  BOOST_TEST(code_of(replies[1]) == errc::none);
}

BOOST_AUTO_TEST_CASE(a_frame_that_leaves_something_out_is_refused_and_nothing_is_kept) {
  for (const std::string sql :
       {"BEGIN; CREATE TABLE u(a)", "CREATE TABLE u(a); BEGIN; COMMIT",
        "BEGIN; CREATE TABLE u(a); COMMIT; CREATE TABLE v(a)", "BEGIN; BEGIN; CREATE TABLE u(a); COMMIT",
        "BEGIN; CREATE TABLE u(a); COMMIT; COMMIT", "BEGIN; CREATE TABLE u(a); ROLLBACK",
        "BEGIN; PRAGMA foreign_keys=OFF; CREATE TABLE u(a); COMMIT", "CREATE TABLE u(a); PRAGMA foreign_keys=OFF"}) {
    const auto reply = apply_one(schema_script{"s", sql});
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(reply)) {
      BOOST_TEST(code_of(reply) == errc::not_permitted);
    }
  }
  BOOST_TEST(rows("SELECT count(*) FROM sqlite_schema WHERE name IN ('u', 'v')") == "0");
}

BOOST_AUTO_TEST_CASE(a_row_that_breaks_a_foreign_key_is_refused_within_a_frame_too) {
  const auto dump = schema_script{"s",
                                  "PRAGMA foreign_keys=OFF; BEGIN; CREATE TABLE parent(id INTEGER PRIMARY KEY);"
                                  "CREATE TABLE child(p REFERENCES parent(id)); INSERT INTO child VALUES (7); COMMIT;"};
  const auto replies = apply({dump, schema_script{"u", "CREATE TABLE u(a)"}, execute("INSERT INTO u VALUES (1)")});
  BOOST_TEST(code_of(replies[0]) == errc::constraint);
  BOOST_TEST(detail_of(replies[0]).find("a row of child refers to one of parent") != std::string::npos);
  BOOST_TEST(code_of(replies[1]) == errc::none);
  BOOST_TEST(code_of(replies[2]) == errc::none);
  BOOST_TEST(rows("SELECT count(*) FROM sqlite_schema WHERE name = 'child'") == "0");
}

BOOST_AUTO_TEST_CASE(everything_that_belongs_to_a_schema_works) {
  schema(
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a, at TEXT DEFAULT CURRENT_TIMESTAMP, r DEFAULT (random()));"
    "CREATE INDEX i ON t(a) WHERE a > 0; CREATE VIEW v AS SELECT a FROM t;"
    "CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = a + 1 WHERE id = new.id; END;"
    "ALTER TABLE t ADD COLUMN b; ALTER TABLE t RENAME COLUMN b TO c; ANALYZE;"
    "CREATE VIRTUAL TABLE words USING fts5(body); CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);");
  open();
  const auto replies = apply({
    execute("INSERT INTO t(a, c) VALUES (1, 2)"),
    execute("INSERT INTO words VALUES ('solar kettle')"),
    execute("SELECT body FROM words WHERE words MATCH 'kettle'"),
    execute("INSERT INTO boxes VALUES (1, 2, 3)"),
  });
  for (const auto& reply : replies) {
    BOOST_TEST_CONTEXT(detail_of(reply)) {
      BOOST_TEST(code_of(reply) == errc::none);
    }
  }
  BOOST_REQUIRE(replies[2]);
  BOOST_TEST(replies[2]->results[0].rows.size() == 1u);
  BOOST_TEST(rows("SELECT a, c FROM t") == "2|2");
  BOOST_TEST(code_of(apply_one(schema_script{"drop", "DROP TABLE t; DROP TABLE words"})) == errc::none);
}

BOOST_AUTO_TEST_SUITE_END()
