#include <millrace/tools/millrace/sql/statement_list.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace millrace::tools;

namespace {

/// Each piece as its kind, its line and its statements: `q1[SELECT 1]`.
std::string cut(const std::string& text) {
  const auto pieces = cut_statements(text);
  if (!pieces) {
    return pieces.error();
  }
  std::string all;
  for (const auto& one : *pieces) {
    all += one.what == sql_piece::kind::query ? 'q' : one.what == sql_piece::kind::schema ? 's' : 't';
    all += std::to_string(one.line);
    for (const auto& statement : one.statements) {
      all += '[' + statement + ']';
    }
  }
  return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(statement_list_suite)

BOOST_AUTO_TEST_CASE(statements_end_with_their_semicolon) {
  BOOST_TEST(cut("SELECT 1") == "q1[SELECT 1]");
  BOOST_TEST(cut("SELECT 1; ") == "q1[SELECT 1;]");
  BOOST_TEST(cut("DELETE FROM t;INSERT INTO t VALUES (1);") == "t1[DELETE FROM t;]t1[INSERT INTO t VALUES (1);]");
  BOOST_TEST(cut("SELECT ';', \";\", [;], `;`, 'it''s;' -- ;\n/* ; */;VALUES (2)")
             == "q1[SELECT ';', \";\", [;], `;`, 'it''s;' -- ;\n/* ; */;]q2[VALUES (2)]");
}

BOOST_AUTO_TEST_CASE(spaces_comments_and_lone_semicolons_are_no_statements) {
  for (const auto* const text : {"", " \n", ";", ";;\n;", "-- nothing", "/* nothing */ ;", "-- nothing\n;"}) {
    BOOST_TEST(cut(text) == "");
  }
}

BOOST_AUTO_TEST_CASE(lines_are_those_where_statements_begin) {
  BOOST_TEST(cut("\n\nSELECT 1;\n\nCREATE TABLE t(\na\n);\nDELETE FROM t")
             == "q3[SELECT 1;]s5[CREATE TABLE t(\na\n);]t8[DELETE FROM t]");
}

BOOST_AUTO_TEST_CASE(a_trigger_ends_with_its_end) {
  const std::string trigger =
    "CREATE TRIGGER r AFTER DELETE ON t BEGIN DELETE FROM u; SELECT CASE 1 WHEN 1 THEN 2 END; END;";
  BOOST_TEST(cut(trigger + "SELECT 1") == "s1[" + trigger + "]q1[SELECT 1]");
  const std::string temporary = "explain create temp trigger r after delete on t begin select 1; end;";
  BOOST_TEST(cut(temporary + "SELECT 1") == "q1[" + temporary + "]q1[SELECT 1]");
  BOOST_TEST(cut("CREATE TABLE trigger_t(a); SELECT 1") == "s1[CREATE TABLE trigger_t(a);]q1[SELECT 1]");
}

BOOST_AUTO_TEST_CASE(what_stands_between_begin_and_commit_is_one) {
  BOOST_TEST(cut("BEGIN; DELETE FROM t; INSERT INTO t VALUES (1); COMMIT; SELECT 1")
             == "t1[DELETE FROM t;][INSERT INTO t VALUES (1);]q1[SELECT 1]");
  BOOST_TEST(cut("begin transaction;\nCREATE TABLE t(a);\nINSERT INTO t VALUES (1);\nend")
             == "s2[CREATE TABLE t(a);][INSERT INTO t VALUES (1);]");
  BOOST_TEST(cut("BEGIN; COMMIT") == "");
  BOOST_TEST(cut("SELECT 1;\nBEGIN; SELECT 2") == "Line 2: BEGIN has no COMMIT.");
  BOOST_TEST(cut("BEGIN;\nBEGIN; COMMIT") == "Line 2: BEGIN stands within BEGIN and COMMIT.");
  // Without a BEGIN the engine says what is wrong with it.
  BOOST_TEST(cut("COMMIT") == "t1[COMMIT]");
}

BOOST_AUTO_TEST_CASE(what_is_not_finished_is_one_statement) {
  for (const std::string text : {"SELECT 'a;", "SELECT \"a;", "SELECT /* a; ", "SELECT -- a;",
                                 "CREATE TRIGGER r AFTER DELETE ON t BEGIN SELECT 1;"}) {
    BOOST_TEST(cut_statements(text)->size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(comments_before_a_statement_are_none_of_it_and_its_line_is_its_own) {
  BOOST_TEST(cut("-- one\n\n/* two\n*/ SELECT 1;\n-- three\nBEGIN; -- four\n\nDELETE FROM t;\n\nDELETE FROM u; COMMIT")
             == "q4[SELECT 1;]t8[DELETE FROM t;][DELETE FROM u;]");
  const auto pieces = cut_statements("BEGIN;\nCREATE TABLE t(a);\n\nCREATE TABLE u(a); -- last\nCOMMIT");
  BOOST_TEST(pieces->front().source == "CREATE TABLE t(a);\n\nCREATE TABLE u(a);");
}

BOOST_AUTO_TEST_CASE(what_the_dump_of_sqlite3_is_framed_with_is_one_with_it) {
  const std::string dump =
    "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES (1);\nCOMMIT;";
  const auto pieces = cut_statements(dump + "\nSELECT 1");
  BOOST_REQUIRE(pieces->size() == 2u);
  BOOST_TEST((pieces->at(0).what == sql_piece::kind::schema));
  BOOST_TEST(pieces->at(0).source == dump);
  BOOST_TEST(cut("PRAGMA foreign_keys; SELECT 1") == "q1[PRAGMA foreign_keys;]q1[SELECT 1]");
}

BOOST_AUTO_TEST_SUITE_END()
