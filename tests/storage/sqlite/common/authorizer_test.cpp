#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <iterator>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

BOOST_FIXTURE_TEST_SUITE(authorizer_suite, database_fixture)

BOOST_AUTO_TEST_CASE(a_transaction_may_not_do_what_the_log_could_not_repeat) {
  schema(
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE INDEX i ON t(a);"
    "CREATE TRIGGER bad AFTER DELETE ON t BEGIN UPDATE millrace_meta SET applied_seq = 0; END");
  const std::pair<std::string, std::string> refused[] = {
    {"CREATE TABLE u(a)", "CREATE TABLE u: the schema changes by migrations"},
    {"CREATE TEMP TABLE u(a)", "CREATE TEMP u: what is temporary is gone after a restart"},
    {"CREATE TABLE IF NOT EXISTS t(a)", "CREATE TABLE t: the schema changes"},
    {"CREATE VIEW v AS SELECT 1", "CREATE VIEW v: the schema changes"},
    {"CREATE VIRTUAL TABLE f USING fts5(x)", "CREATE VIRTUAL TABLE f: the schema changes"},
    {"DROP TABLE t", "DROP TABLE t: the schema changes"},
    {"DROP TRIGGER bad", "DROP TRIGGER bad: the schema changes"},
    {"ALTER TABLE t ADD COLUMN b", "ALTER TABLE t: the schema changes"},
    {"CREATE INDEX j ON t(a)", "CREATE INDEX j: the schema changes"},
    {"REINDEX t", "REINDEX i: the schema changes"},
    {"ANALYZE", "ANALYZE: the schema changes"},
    {"VACUUM", "VACUUM: free space is used again"},
    {"PRAGMA journal_mode = DELETE", "PRAGMA journal_mode: settings are Millrace's own"},
    {"PRAGMA user_version",
     "PRAGMA user_version: settings are Millrace's own; what describes the database is asked by"},
    {"PRAGMA data_version", "PRAGMA: settings are Millrace's own"},
    {"SELECT * FROM pragma_table_info('t')", "reading pragma_table_info: what it shows is no function of the log"},
    {"ATTACH 'x' AS x", "ATTACH x: an engine has one database"},
    {"DETACH main", "DETACH main: an engine has one database"},
    {"BEGIN", "BEGIN: a transaction begins and ends by itself"},
    {"COMMIT", "COMMIT: a transaction begins and ends by itself"},
    {"ROLLBACK", "ROLLBACK: a transaction begins and ends by itself"},
    {"SAVEPOINT s", "SAVEPOINT s: what may fail alone is a group"},
    {"RELEASE millrace_item", "RELEASE millrace_item: what may fail alone is a group"},
    {"ROLLBACK TO s", "ROLLBACK TO s: what may fail alone is a group"},
    {"INSERT INTO millrace_meta VALUES (2, 1, '', 1)", "INSERT INTO millrace_meta: names that begin with millrace_"},
    {"DELETE FROM millrace_schema", "DELETE FROM millrace_schema: names that begin with millrace_ are kept"},
    {"DELETE FROM t", "UPDATE of millrace_meta: names that begin with millrace_ are kept"},
    {"UPDATE sqlite_sequence SET seq = 5",
     "UPDATE of sqlite_sequence: tables that begin with sqlite_ are SQLite's own"},
    {"UPDATE sqlite_master SET sql = ''", "sqlite_master may not be modified"},
    {"DELETE FROM sqlite_master", "sqlite_master may not be modified"},
    {"SELECT total_changes()",
     "the function total_changes(): its value is no function of the log; a query may call it"},
    {"SELECT load_extension('x')", "the function load_extension(): no code of others runs in the engine"},
    {"SELECT sqlite_version()", "the function sqlite_version(): its value is no function of the log"},
    {"SELECT * FROM dbstat", "reading dbstat: what it shows is no function of the log; a query may read it"},
    {"INSERT INTO t(a) SELECT sql FROM sqlite_stmt", "reading sqlite_stmt: it shows what others sent"},
    {"INSERT INTO t(a) SELECT outcomes FROM millrace_outcomes", "reading millrace_outcomes: it shows what others sent"},
    {"EXPLAIN INSERT INTO t VALUES (1, 2)", "EXPLAIN: its answer depends on SQLite's version; ask it as a query"},
  };
  for (const auto& [sql, named] : refused) {
    const auto replies = apply(
      {execute("INSERT INTO t(a) VALUES (1)"), execute(sql), execute("INSERT INTO t(a) VALUES (2)")});
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(replies[1])) {
      BOOST_TEST(code_of(replies[0]) == errc::none);
      BOOST_TEST(code_of(replies[1]) == errc::not_permitted);
      BOOST_TEST(detail_of(replies[1]).find(named) != std::string::npos, "wanted: " << named);
      BOOST_TEST(code_of(replies[2]) == errc::none);
    }
  }
  const auto kept = std::to_string(2 * std::size(refused));
  BOOST_TEST(rows("SELECT count(*), max(id) FROM t") == kept + "|" + kept);
}

BOOST_AUTO_TEST_CASE(a_query_is_not_shown_what_others_sent_by_any_way) {
  schema(
    "CREATE TABLE t(a); CREATE VIEW v AS SELECT * FROM millrace_outcomes;"
    "CREATE VIRTUAL TABLE f USING fts5(outcomes, content='millrace_outcomes', content_rowid='first_seq')");
  auto named = execute("INSERT INTO t VALUES (1)");
  named.name = {uuid{1}, 1};
  BOOST_REQUIRE(apply_one(named));
  const auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  for (const std::string sql :
       {"SELECT * FROM millrace_outcomes", "SELECT count(*) FROM MILLRACE_OUTCOMES",
        "SELECT 1 FROM main.millrace_outcomes", "SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM millrace_quarantine)",
        "SELECT * FROM v", "SELECT outcomes FROM f",
        "WITH millrace AS (SELECT record FROM millrace_quarantine) SELECT * FROM millrace",
        "SELECT sql FROM sqlite_stmt", "EXPLAIN SELECT outcomes FROM millrace_outcomes"}) {
    const auto seen = (*reader)->run(select(sql), {});
    BOOST_TEST_CONTEXT(sql) {
      BOOST_REQUIRE(!seen);
      BOOST_TEST((seen.error().code == errc::not_permitted || sql == "SELECT outcomes FROM f"),
                 to_string(seen.error()));
    }
  }
  for (const auto* const sql : {"SELECT a FROM t", "SELECT uuid FROM millrace_meta", "SELECT name FROM millrace_schema",
                                "SELECT name FROM sqlite_schema", "SELECT name FROM sqlite_master",
                                "SELECT name FROM pragma_table_info('t')"}) {
    const auto seen = (*reader)->run(select(sql), {});
    BOOST_TEST(seen.has_value(), sql);
  }
  BOOST_TEST((*reader)->recorded_outcome(2).value().has_value()); // The engine itself reads it.
}

BOOST_AUTO_TEST_CASE(what_a_load_records_is_made_by_scripts_and_changed_by_transactions) {
  schema("CREATE TABLE millrace_load_file(id INTEGER PRIMARY KEY)");
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO millrace_load_file VALUES (7)"))) == errc::none);
  BOOST_TEST(rows("SELECT id FROM millrace_load_file") == "7");
}

BOOST_AUTO_TEST_CASE(a_transaction_may_read_and_change_rows) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a)");
  for (const std::string sql : {"INSERT INTO t(a) VALUES (random())",
                                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                "FROM n WHERE i < 5) INSERT INTO t(a) SELECT i FROM n",
                                "UPDATE t SET a = abs(a)", "SELECT seq FROM sqlite_sequence",
                                "INSERT INTO t(id, a) VALUES (1, 1) ON CONFLICT DO UPDATE SET a = json('[1]')"}) {
    const auto reply = apply_one(execute(sql));
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(reply)) {
      BOOST_TEST(code_of(reply) == errc::none);
    }
  }
}

BOOST_AUTO_TEST_CASE(long_expressions_compile) {
  schema("CREATE TABLE t(a)");
  std::string ors = "DELETE FROM t WHERE a = 0";
  for (int i = 1; i < 999; ++i) {
    ors += " OR a = " + std::to_string(i);
  }
  BOOST_TEST(code_of(apply_one(execute(ors))) == errc::none);
  BOOST_TEST(code_of(apply_one(execute(ors + " OR a = 999 OR a = 1000"))) == errc::bad_sql);
}

BOOST_AUTO_TEST_CASE(what_depends_on_how_the_log_was_cut_is_read_by_queries_alone) {
  schema(
    "CREATE TABLE t(a); CREATE TABLE my_data(a); CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIRTUAL TABLE g USING "
    "fts4(a); CREATE VIRTUAL TABLE h USING rtree(id, x, y)");
  const auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  for (const std::string sql :
       {"SELECT applied_seq FROM millrace_meta", "SELECT name FROM millrace_schema", "SELECT id FROM f_data",
        "SELECT count(*) FROM F_Data", "SELECT term FROM f_idx", "SELECT level FROM g_segdir",
        "SELECT count(*) FROM g_segments", "SELECT rootpage FROM sqlite_schema", "SELECT * FROM sqlite_master",
        "SELECT fts5_source_id()", "SELECT sqlite_version()"}) {
    BOOST_TEST_CONTEXT(sql) {
      BOOST_TEST(code_of(apply_one(execute(sql))) == errc::not_permitted);
      BOOST_TEST(code_of(apply_one(execute("INSERT INTO t SELECT 1 WHERE EXISTS (" + sql + ")")))
                 == errc::not_permitted);
      BOOST_TEST((*reader)->run(select(sql), {}).has_value());
    }
  }
  for (const std::string sql :
       {"CREATE TABLE c AS SELECT id FROM f_data", "INSERT INTO t SELECT fts5_source_id()",
        "INSERT INTO t SELECT count(*) FROM millrace_outcomes", "CREATE TABLE c AS SELECT rootpage FROM sqlite_schema",
        "DROP TABLE my_data; INSERT INTO t SELECT rootpage FROM sqlite_master"}) {
    BOOST_TEST(code_of(apply_one(schema_script{sql, sql})) == errc::not_permitted, sql);
  }
  // A trigger is compiled with what fires it.
  schema("CREATE TRIGGER r AFTER DELETE ON t BEGIN INSERT INTO my_data SELECT id FROM f_data; END");
  BOOST_TEST(code_of(apply_one(execute("DELETE FROM t"))) == errc::not_permitted);
}

BOOST_AUTO_TEST_CASE(full_text_tables_and_others_that_are_named_like_their_parts_are_of_use_to_transactions) {
  schema(
    "CREATE TABLE my_data(a); CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIRTUAL TABLE g USING fts4(a); CREATE "
    "VIRTUAL TABLE h USING rtree(id, x, y); CREATE VIRTUAL TABLE v USING fts5vocab(f, row)");
  const auto use = [this] {
    for (const std::string sql :
         {"INSERT INTO f VALUES ('one word')", "INSERT INTO g VALUES ('one word')", "INSERT INTO h VALUES (1, 2, 3)",
          "INSERT INTO my_data SELECT highlight(f, 0, '<', '>') FROM f WHERE f MATCH 'word' ORDER BY bm25(f)",
          "INSERT INTO my_data SELECT snippet(g) FROM g WHERE g MATCH 'word'", "UPDATE my_data SET a = a || 1",
          "INSERT INTO my_data SELECT term FROM v", "INSERT INTO my_data SELECT id FROM h WHERE x > 1",
          "INSERT INTO my_data SELECT name FROM sqlite_schema", "INSERT INTO f(f) VALUES ('optimize')",
          "DELETE FROM h"}) {
      const auto reply = apply_one(execute(sql));
      BOOST_TEST_CONTEXT(sql << ": " << detail_of(reply)) {
        BOOST_TEST(code_of(reply) == errc::none);
      }
    }
  };
  use();
  open(); // Then the modules read their tables while the transaction is compiled.
  use();
}

BOOST_AUTO_TEST_CASE(scripts_change_the_schema_in_all_ways) {
  schema("CREATE TABLE t(a, b, c); CREATE INDEX i ON t(a); CREATE VIEW w AS SELECT a FROM t");
  for (const std::string sql :
       {"ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME COLUMN a TO d", "ALTER TABLE u DROP b",
        "ALTER TABLE u ADD e DEFAULT 5", "ANALYZE", "REINDEX", "DROP VIEW w", "DROP TABLE u"}) {
    schema(sql);
  }
}

BOOST_AUTO_TEST_SUITE_END()
