#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

BOOST_FIXTURE_TEST_SUITE(rollback_suite, database_fixture)

BOOST_AUTO_TEST_CASE(or_rollback_fails_alone_and_its_neighbours_commit) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)");
  const auto replies = apply({
    execute("INSERT INTO t(a) VALUES ('first')"),
    execute("INSERT INTO t(a) VALUES ('gone')").add("INSERT OR ROLLBACK INTO t(a) VALUES ('first')"),
    execute("INSERT INTO t(a) VALUES ('second') RETURNING id"),
    execute("INSERT OR ROLLBACK INTO t(a) VALUES ('second')"),
    execute("INSERT INTO t(a) VALUES ('first')"),
    execute("INSERT INTO t(a) VALUES ('third')"),
  });
  BOOST_TEST(code_of(replies[0]) == errc::none);
  BOOST_TEST(code_of(replies[1]) == errc::constraint);
  BOOST_TEST(detail_of(replies[1]).find("seq 3, statement 2") == 0u);
  BOOST_REQUIRE(replies[2]);
  BOOST_TEST(replies[2]->results[0].rows[0][0].as_integer() == 2);
  BOOST_TEST(code_of(replies[3]) == errc::constraint);
  BOOST_TEST(code_of(replies[4]) == errc::constraint);
  BOOST_TEST(code_of(replies[5]) == errc::none);
  BOOST_TEST(rows("SELECT * FROM t") == "1|first\n2|second\n3|third");
  BOOST_TEST(writer->applied_seq() == 7u);
}

BOOST_AUTO_TEST_CASE(raise_rollback_in_a_trigger_fails_alone) {
  schema(
    "CREATE TABLE t(a);"
    "CREATE TRIGGER r BEFORE INSERT ON t WHEN new.a < 0 BEGIN SELECT RAISE(ROLLBACK, 'negative'); END");
  const auto replies = apply(
    {execute("INSERT INTO t VALUES (1)"), execute("INSERT INTO t VALUES (-1)"), execute("INSERT INTO t VALUES (2)")});
  BOOST_TEST(code_of(replies[0]) == errc::none);
  BOOST_TEST(code_of(replies[1]) == errc::constraint);
  BOOST_TEST(detail_of(replies[1]).find("negative") != std::string::npos);
  BOOST_TEST(code_of(replies[2]) == errc::none);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
}

BOOST_AUTO_TEST_CASE(a_group_cannot_survive_the_end_of_the_surrounding_transaction) {
  schema("CREATE TABLE t(a UNIQUE ON CONFLICT ROLLBACK)");
  const auto replies = apply({
    execute("INSERT INTO t VALUES (1)"),
    execute("INSERT INTO t VALUES (2)")
      .in_group(on_error::continue_after, [](transaction& group) { group.add("INSERT INTO t VALUES (1)"); })
      .add("INSERT INTO t VALUES (3)"),
    execute("INSERT INTO t VALUES (4)"),
  });
  BOOST_TEST(code_of(replies[1]) == errc::constraint);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n4");
}

BOOST_AUTO_TEST_CASE(a_script_that_ends_the_transaction_fails_alone) {
  const auto replies = apply({
    schema_script{"a", "CREATE TABLE t(a UNIQUE)"},
    execute("INSERT INTO t VALUES (1)"),
    schema_script{"b", "CREATE TABLE u(a); INSERT OR ROLLBACK INTO t VALUES (1)"},
    execute("INSERT INTO t VALUES (2)"),
  });
  BOOST_TEST(code_of(replies[2]) == errc::constraint);
  BOOST_TEST(code_of(replies[3]) == errc::none);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
  BOOST_TEST(rows("SELECT name FROM millrace_schema") == "a");
}

BOOST_AUTO_TEST_CASE(groups_continue_or_abort_as_their_policy_says) {
  schema("CREATE TABLE t(a UNIQUE)");
  const auto insert = [](int number) {
    return [number](transaction& group) { group.add("INSERT INTO t VALUES (?1)", number); };
  };
  auto nested = execute("INSERT INTO t VALUES (1)");
  nested.in_group(on_error::continue_after, [&](transaction& outer) {
    outer.add("INSERT INTO t VALUES (2)");
    outer.in_group(on_error::continue_after,
                   [&](transaction& inner) { inner.add("INSERT INTO t VALUES (3)").add("INSERT INTO t VALUES (1)"); });
    outer.add("INSERT INTO t VALUES (4)");
  });
  nested.in_group(on_error::continue_after, [&](transaction& outer) {
    outer.in_group(on_error::continue_after, insert(5));
    outer.add("UPDATE t SET a = a WHERE a = 99").expect_rows(1);
    outer.in_group(on_error::continue_after, insert(6));
  });
  nested.add("INSERT INTO t VALUES (7)");
  const auto done = apply_one(nested);
  BOOST_REQUIRE_MESSAGE(done, detail_of(done));
  BOOST_REQUIRE(done->results.size() == 9u);
  BOOST_TEST(rows("SELECT a FROM t ORDER BY a") == "1\n2\n4\n7");
  BOOST_TEST(!done->results[1].error);
  BOOST_REQUIRE(done->results[2].error);
  BOOST_TEST(done->results[2].error->code == errc::constraint);
  BOOST_TEST(done->results[2].rows_changed == 0);
  BOOST_TEST(done->results[3].error.has_value());
  BOOST_TEST(!done->results[4].error);
  for (std::size_t at = 5; at < 8; ++at) {
    BOOST_REQUIRE(done->results[at].error);
    BOOST_TEST(done->results[at].error->code == errc::row_count_mismatch);
  }
  BOOST_TEST(!done->results[8].error);

  auto aborting = execute("INSERT INTO t VALUES (10)");
  aborting.in_group(on_error::continue_after,
                    [&](transaction& outer) { outer.in_group(on_error::abort_transaction, insert(1)); });
  BOOST_TEST(code_of(apply_one(aborting)) == errc::constraint);
  BOOST_TEST(rows("SELECT a FROM t ORDER BY a") == "1\n2\n4\n7");
}

BOOST_AUTO_TEST_CASE(groups_that_overlap_are_malformed) {
  schema("CREATE TABLE t(a)");
  auto work = execute("INSERT INTO t VALUES (1)").add("INSERT INTO t VALUES (2)").add("INSERT INTO t VALUES (3)");
  work.groups = {{0, 2, on_error::continue_after}, {1, 2, on_error::continue_after}};
  BOOST_TEST(code_of(apply_one(work)) == errc::malformed);
  work.groups = {{2, 2, on_error::continue_after}};
  BOOST_TEST(code_of(apply_one(work)) == errc::malformed);
  work.groups = {{1, 1, on_error::continue_after}, {0, 1, on_error::continue_after}};
  BOOST_TEST(code_of(apply_one(work)) == errc::malformed);
  work.groups = {{0, 3, on_error::continue_after}, {0, 3, on_error::continue_after}, {3, 0, on_error::continue_after}};
  BOOST_TEST(code_of(apply_one(work)) == errc::none);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "3");
}

BOOST_AUTO_TEST_SUITE_END()
