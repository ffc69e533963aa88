#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::test;

BOOST_FIXTURE_TEST_SUITE(authorizer_suite, database_fixture)

BOOST_AUTO_TEST_CASE(a_transaction_may_not_do_what_the_log_could_not_repeat) {
  schema(
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE INDEX i ON t(a);"
    "CREATE TRIGGER bad AFTER DELETE ON t BEGIN UPDATE millrace_meta SET applied_seq = 0; END");
  const std::pair<std::string, std::string> refused[] = {
    {"CREATE TABLE u(a)", "schema change"},
    {"CREATE TEMP TABLE u(a)", "schema change"},
    {"CREATE TABLE IF NOT EXISTS t(a)", "schema change"},
    {"DROP TABLE t", "schema change"},
    {"ALTER TABLE t ADD COLUMN b", "ALTER TABLE t"},
    {"CREATE INDEX j ON t(a)", "schema change"},
    {"REINDEX t", "REINDEX"},
    {"ANALYZE", "schema change"},
    {"PRAGMA journal_mode = DELETE", "PRAGMA journal_mode"},
    {"PRAGMA data_version", "PRAGMA"},
    {"SELECT * FROM pragma_table_info('t')", "pragma_table_info"},
    {"ATTACH 'x' AS x", "ATTACH"},
    {"DETACH main", "DETACH"},
    {"BEGIN", "BEGIN"},
    {"COMMIT", "COMMIT"},
    {"ROLLBACK", "ROLLBACK"},
    {"SAVEPOINT s", "SAVEPOINT"},
    {"RELEASE millrace_item", "SAVEPOINT"},
    {"INSERT INTO millrace_meta VALUES (2, 1, '', 1)", "millrace_meta"},
    {"DELETE FROM millrace_schema", "millrace_schema"},
    {"DELETE FROM t", "millrace_meta"},
    {"UPDATE sqlite_sequence SET seq = 5", "sqlite_sequence"},
    {"UPDATE sqlite_master SET sql = ''", "sqlite_master"},
    {"SELECT total_changes()", "total_changes()"},
    {"SELECT load_extension('x')", "load_extension"},
    {"SELECT sqlite_version()", "sqlite_version()"},
    {"SELECT * FROM dbstat", "dbstat"},
    {"SELECT * FROM sqlite_stmt", "sqlite_stmt"},
    {"EXPLAIN INSERT INTO t VALUES (1, 2)", "EXPLAIN"},
  };
  for (const auto& [sql, named] : refused) {
    const auto replies = apply(
      {execute("INSERT INTO t(a) VALUES (1)"), execute(sql), execute("INSERT INTO t(a) VALUES (2)")});
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(replies[1])) {
      BOOST_TEST(code_of(replies[0]) == errc::none);
      BOOST_TEST(code_of(replies[1]) == errc::not_permitted);
      BOOST_TEST(detail_of(replies[1]).find(named) != std::string::npos);
      BOOST_TEST(code_of(replies[2]) == errc::none);
    }
  }
  BOOST_TEST(rows("SELECT count(*), max(id) FROM t") == "58|58");
}

BOOST_AUTO_TEST_CASE(what_a_load_records_is_made_by_scripts_and_changed_by_transactions) {
  schema("CREATE TABLE millrace_load_file(id INTEGER PRIMARY KEY)");
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO millrace_load_file VALUES (7)"))) == errc::none);
  BOOST_TEST(rows("SELECT id FROM millrace_load_file") == "7");
}

BOOST_AUTO_TEST_CASE(a_transaction_may_read_and_change_rows) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a)");
  for (const std::string sql :
       {"INSERT INTO t(a) VALUES (random())",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
        "FROM n WHERE i < 5) INSERT INTO t(a) SELECT i FROM n",
        "UPDATE t SET a = abs(a)", "SELECT applied_seq FROM millrace_meta", "SELECT seq FROM sqlite_sequence",
        "INSERT INTO t(id, a) VALUES (1, 1) ON CONFLICT DO UPDATE SET a = json('[1]')"}) {
    const auto reply = apply_one(execute(sql));
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(reply)) {
      BOOST_TEST(code_of(reply) == errc::none);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
