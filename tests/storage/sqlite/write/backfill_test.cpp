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

schema_change small_step(std::uint8_t version, std::string sql) {
  return {.step = schema_step::up,
          .set = "main",
          .expected = chain(static_cast<std::uint8_t>(version - 1)),
          .migrations = {{.version = version, .name = "m", .chain = chain(version)}},
          .sql = std::move(sql),
          .author = "ada"};
}

constexpr auto plus_ten = "UPDATE t SET n = n + 10 WHERE id BETWEEN :first AND :last";

/// The next part of the first migration.
schema_change part(std::uint64_t rows, std::string sql = plus_ten, std::string table = "t") {
  auto change = small_step(1, std::move(sql));
  change.backfill = std::move(table);
  change.rows_max = rows;
  return change;
}

schema_change with(schema_step step, std::string sql = {}) {
  auto change = small_step(1, std::move(sql));
  change.step = step;
  return change;
}

struct backfill_fixture : database_fixture {
  backfill_fixture() {
    schema(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (-5, 1), (0, 2), (7, 3), (8, 4), (9000, 5)");
  }

  std::int64_t covered(const answer& reply) {
    BOOST_REQUIRE_MESSAGE(reply, (reply ? "" : to_string(reply.error())));
    return reply->results.empty() ? -1 : reply->results[0].rows_changed;
  }

  schema_state state() {
    auto reader = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(reader);
    auto found = (*reader)->schema(0, 100);
    BOOST_REQUIRE_MESSAGE(found, (found ? "" : to_string(found.error())));
    return std::move(*found);
  }

  std::string numbers() { return rows("SELECT group_concat(n) FROM (SELECT n FROM t ORDER BY id)"); }
};

bool mentions(const answer& reply, const std::string& text) {
  return detail_of(reply).find(text) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(backfill_suite, backfill_fixture)

BOOST_AUTO_TEST_CASE(parts_follow_each_other_by_the_key_and_the_last_one_records_the_migration) {
  BOOST_TEST(covered(apply_one(part(2))) == 2);
  BOOST_TEST(numbers() == "11,12,3,4,5");
  const auto now = state();
  BOOST_REQUIRE(now.backfills.size() == 1u);
  BOOST_TEST((now.backfills[0].id == migration_id{"main", 1}));
  BOOST_TEST(now.backfills[0].rows_done == 2u);
  BOOST_TEST((now.backfills[0].chain == chain(1)));
  BOOST_TEST(now.sets.empty());
  BOOST_TEST(now.history.size() == 1u); // The script.
  open();
  BOOST_TEST(covered(apply_one(part(2))) == 2);
  BOOST_TEST(state().backfills[0].rows_left > 0u);
  BOOST_TEST(covered(apply_one(part(2))) == 1);
  BOOST_TEST(numbers() == "11,12,13,14,15");
  const auto ended = state();
  BOOST_TEST(ended.backfills.empty());
  BOOST_REQUIRE(ended.sets.size() == 1u);
  BOOST_TEST(ended.history.back().sql == plus_ten);
  BOOST_TEST(covered(apply_one(part(2))) == -1); // Applied already.
  BOOST_TEST(numbers() == "11,12,13,14,15");
}

/// Keys of all types, some of which are equal by one collation alone.
constexpr auto keys =
  "(-1), (0.5), (1), (9007199254740993), (9007199254740992.0), (9223372036854775807), (-9.3e18), ('a'), ('B'), "
  "('b '), (''), (' '), ('Ä'), ('ä'), ('ab'), (x''), (x'00'), (x'ff'), (x'ff00')";

BOOST_AUTO_TEST_CASE(of_a_table_without_row_ids_a_part_has_the_keys_that_sqlite_says_are_between_its_ends) {
  std::uint8_t version = 0;
  for (const std::string collation : {"BINARY", "NOCASE", "RTRIM"}) {
    for (const std::string affinity : {"", "REAL", "TEXT"}) {
      ++version;
      const auto table = "w" + std::to_string(version);
      schema("CREATE TABLE " + table + "(n DEFAULT 0, twice AS (n * 2) VIRTUAL, k " + affinity + " PRIMARY KEY COLLATE "
             + collation + ") WITHOUT ROWID; INSERT OR IGNORE INTO " + table + "(k) VALUES " + keys);
      const auto run = [&](const std::string& where) {
        auto change = part(3, "UPDATE " + table + " SET n = n + 1 WHERE k " + where + " :first AND :last", table);
        change.expected = chain(static_cast<std::uint8_t>(version - 1));
        change.migrations[0] = {.version = version, .name = "m", .chain = chain(version)};
        return apply_one(change);
      };
      BOOST_TEST_CONTEXT(collation << ' ' << affinity) {
        for (auto stray = run("NOT BETWEEN"); !stray;
             stray = run("NOT BETWEEN")) { // Where no row is left, none is run.
          BOOST_TEST(code_of(stray) == errc::parameter_mismatch);
          BOOST_REQUIRE(covered(run("BETWEEN")) >= 0);
        }
        BOOST_TEST(rows("SELECT min(n), max(n) FROM " + table) == "1|1");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_part_that_changes_other_rows_of_a_table_without_row_ids_is_refused) {
  schema(
    "CREATE TABLE w(n, twice AS (n * 2) VIRTUAL, k TEXT PRIMARY KEY, u UNIQUE) WITHOUT ROWID;"
    "INSERT INTO w(n, k, u) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);"
    "CREATE TRIGGER r AFTER UPDATE OF u ON w WHEN new.u = 7 BEGIN DELETE FROM w; END");
  for (const char* const sql : {"UPDATE w SET n = 0 WHERE k > :last AND k > :first",
                                "UPDATE w SET k = 'new ' || k WHERE k BETWEEN :first AND :last",
                                "INSERT INTO w(k) SELECT 'z' WHERE :first < :last OR :first = :last",
                                "DELETE FROM w WHERE k > :last AND k > :first",
                                "UPDATE OR REPLACE w SET u = 2 WHERE k BETWEEN :first AND :last",
                                "UPDATE w SET u = 7 WHERE k BETWEEN :first AND :last"}) {
    const auto reply = apply_one(part(1, sql, "w"));
    BOOST_TEST(code_of(reply) == errc::parameter_mismatch, sql);
    BOOST_TEST(mentions(reply, "it changed a row that is none of its part; say `WHERE \"k\" BETWEEN"),
               detail_of(reply));
  }
  BOOST_TEST(rows("SELECT group_concat(k || n || u) FROM w") == "a11,b22,c33");
  BOOST_TEST(state().backfills.empty());
  BOOST_TEST(covered(apply_one(part(9, "UPDATE w SET n = n + 1 WHERE k BETWEEN :first AND :last", "W"))) == 3);
}

BOOST_AUTO_TEST_CASE(where_the_rows_end_with_a_part_an_empty_one_ends_it) {
  BOOST_TEST(covered(apply_one(part(5))) == 5);
  BOOST_TEST(state().backfills.size() == 1u);
  BOOST_TEST(covered(apply_one(part(5))) == 0);
  BOOST_TEST(state().backfills.empty());
  BOOST_TEST(numbers() == "11,12,13,14,15");
}

BOOST_AUTO_TEST_CASE(a_table_without_rows_is_done_at_once_but_its_statements_are_looked_at) {
  schema("DELETE FROM t");
  BOOST_TEST(code_of(apply_one(part(2, "UPDATE t SET nothing = 1 WHERE id BETWEEN :first AND :last")))
             == errc::bad_sql);
  BOOST_TEST(covered(apply_one(part(2))) == 0);
  BOOST_TEST(state().sets.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_part_that_fails_leaves_what_others_did_and_goes_on_once_the_cause_is_gone) {
  schema("CREATE UNIQUE INDEX t_n ON t(n); UPDATE t SET n = 13 WHERE id = 9000");
  const auto two = std::string{"UPDATE t SET n = n + 0 WHERE id BETWEEN :first AND :last;\n"} + plus_ten;
  BOOST_TEST(covered(apply_one(part(2, two))) == 2);
  const auto failed = apply_one(part(2, two));
  BOOST_TEST(code_of(failed) == errc::constraint);
  BOOST_TEST(detail_of(failed).find("migration main/1 m, up: statement 2 (line 2): UNIQUE") == 0u, detail_of(failed));
  BOOST_TEST(numbers() == "11,12,3,4,13");
  BOOST_TEST(state().backfills[0].rows_done == 2u);
  schema("UPDATE t SET n = 5 WHERE id = 9000");
  BOOST_TEST(covered(apply_one(part(9, two))) == 3);
  BOOST_TEST(numbers() == "11,12,13,14,15");
}

BOOST_AUTO_TEST_CASE(rows_are_told_apart_by_row_id_or_by_the_key_of_a_table_without_it) {
  schema(
    "CREATE TABLE a(rowid TEXT, n); INSERT INTO a VALUES ('x', 1), ('y', 2), (NULL, 3);"
    "CREATE TABLE b(\"my key\" TEXT PRIMARY KEY COLLATE NOCASE, n) WITHOUT ROWID;"
    "INSERT INTO b VALUES ('b', 1), ('A', 2), ('c', 3), ('', 4);"
    "CREATE TABLE c(x, y, PRIMARY KEY(x, y)) WITHOUT ROWID; CREATE VIEW v AS SELECT 1;");
  const auto run = [&](const std::string& table, const std::string& where, std::uint8_t version) {
    auto change = part(2, "UPDATE " + table + " SET n = n + 10 WHERE " + where + " BETWEEN :first AND :last", table);
    change.expected = chain(static_cast<std::uint8_t>(version - 1));
    change.migrations[0] = {.version = version, .name = "m", .chain = chain(version)};
    while (covered(apply_one(change)) == 2) {}
    return rows("SELECT group_concat(n) FROM (SELECT n FROM " + table + " ORDER BY n)");
  };
  BOOST_TEST(run("a", "_rowid_", 1) == "11,12,13");
  BOOST_TEST(run("b", "\"my key\"", 2) == "11,12,13,14");
  auto wrong = part(1, plus_ten, "c");
  wrong.expected = chain(2);
  wrong.migrations[0] = {.version = 3, .name = "m", .chain = chain(3)};
  for (const auto& [table, why] :
       {std::pair{"c", "must be one column"}, std::pair{"v", "no such table"}, std::pair{"nothing", "no such table"},
        std::pair{"millrace_history", "no such table"}, std::pair{"sqlite_schema", "no such table"}}) {
    wrong.backfill = table;
    const auto reply = apply_one(wrong);
    BOOST_TEST(code_of(reply) == errc::bad_sql);
    BOOST_TEST(mentions(reply, why), detail_of(reply));
  }
}

BOOST_AUTO_TEST_CASE(each_statement_is_about_its_part_and_changes_no_schema) {
  for (const char* const sql : {"UPDATE t SET n = 1", "UPDATE t SET n = 1 WHERE id <= :last",
                                "UPDATE t SET n = :other WHERE id BETWEEN :first AND :last",
                                "UPDATE t SET n = ? WHERE id BETWEEN :first AND :last"}) {
    BOOST_TEST(code_of(apply_one(part(2, sql))) == errc::parameter_mismatch, sql);
  }
  for (const char* const sql : {"CREATE TABLE u AS SELECT :first, :last", "DROP TABLE t", "BEGIN", "COMMIT"}) {
    BOOST_TEST(code_of(apply_one(part(2, sql))) == errc::not_permitted, sql);
  }
  BOOST_TEST(numbers() == "1,2,3,4,5");
  BOOST_TEST(state().backfills.empty());
}

BOOST_AUTO_TEST_CASE(as_long_as_one_is_under_way_nothing_else_of_its_set_is_applied) {
  BOOST_TEST(covered(apply_one(part(2))) == 2);
  auto other = small_step(2, "CREATE TABLE u(a)");
  other.expected = {};
  auto reply = apply_one(other);
  BOOST_TEST(code_of(reply) == errc::schema_conflict);
  BOOST_TEST(mentions(reply, "backfill main/1 m is under way"), detail_of(reply));
  auto changed = part(2, "UPDATE t SET n = 0 WHERE id BETWEEN :first AND :last");
  changed.migrations[0].chain = chain(99);
  reply = apply_one(changed);
  BOOST_TEST(mentions(reply, "is under way with another text"), detail_of(reply));
  BOOST_TEST(code_of(apply_one(schema_change{.step = schema_step::repair, .set = "main"})) == errc::schema_conflict);
  BOOST_TEST(code_of(apply_one(schema_change{.step = schema_step::ad_hoc, .sql = "CREATE TABLE u(a)"})) == errc::none);
  auto elsewhere = small_step(1, "CREATE TABLE w(a)");
  elsewhere.set = "other";
  BOOST_TEST(code_of(apply_one(elsewhere)) == errc::none);
}

BOOST_AUTO_TEST_CASE(it_is_taken_back_half_way_and_begun_anew) {
  BOOST_TEST(covered(apply_one(part(2))) == 2);
  auto back = with(schema_step::down, "UPDATE t SET n = n - 10 WHERE n > 10");
  back.expected = {};
  BOOST_TEST(code_of(apply_one(back)) == errc::none);
  BOOST_TEST(numbers() == "1,2,3,4,5");
  BOOST_TEST(state().backfills.empty());
  BOOST_TEST((state().history.back().step == schema_step::down));
  BOOST_TEST(covered(apply_one(part(9))) == 5);
  BOOST_TEST(numbers() == "11,12,13,14,15");
}

BOOST_AUTO_TEST_CASE(it_can_be_paused_by_anybody_and_goes_on_where_it_was) {
  BOOST_TEST(code_of(apply_one(with(schema_step::pause))) == errc::schema_conflict);
  BOOST_TEST(covered(apply_one(part(2))) == 2);
  BOOST_TEST(code_of(apply_one(with(schema_step::pause))) == errc::none);
  BOOST_TEST(code_of(apply_one(with(schema_step::pause))) == errc::none);
  BOOST_TEST(state().backfills[0].paused);
  open();
  const auto reply = apply_one(part(2));
  BOOST_TEST(code_of(reply) == errc::schema_conflict);
  BOOST_TEST(mentions(reply, "is paused; `millrace migrate resume`"), detail_of(reply));
  BOOST_TEST(code_of(apply_one(with(schema_step::resume))) == errc::none);
  BOOST_TEST(covered(apply_one(part(9))) == 3);
  BOOST_TEST(numbers() == "11,12,13,14,15");
}

BOOST_AUTO_TEST_CASE(what_is_added_above_is_done_too_and_what_is_deleted_is_in_nobodys_way) {
  BOOST_TEST(covered(apply_one(part(2))) == 2);
  schema("DELETE FROM t WHERE id = 0; DELETE FROM t WHERE id = 7; INSERT INTO t VALUES (10000, 6)");
  BOOST_TEST(covered(apply_one(part(9))) == 3);
  BOOST_TEST(numbers() == "11,14,15,16");
}

BOOST_AUTO_TEST_CASE(a_part_that_changes_other_rows_of_its_table_is_refused) {
  schema(
    "CREATE TABLE k(name TEXT PRIMARY KEY, n);"
    "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 200) INSERT INTO k SELECT x, 0 FROM i;");
  const auto by_name = apply_one(part(2, "UPDATE k SET n = n + 1 WHERE name BETWEEN :first AND :last", "k"));
  BOOST_TEST(code_of(by_name) == errc::parameter_mismatch);
  BOOST_TEST(mentions(by_name, "no column of k is its row id"), detail_of(by_name));
  for (const auto& [table, sql] : {std::pair{"k", "UPDATE k SET n = rowid WHERE name BETWEEN :first AND :last"},
                                   std::pair{"t", "UPDATE t SET id = id + 100000 WHERE id BETWEEN :first AND :last"},
                                   std::pair{"t", "INSERT INTO t(n) SELECT n FROM t WHERE id BETWEEN :first AND :last"},
                                   std::pair{"t", "DELETE FROM t WHERE id > :last AND id > :first"}}) {
    const auto reply = apply_one(part(2, sql, table));
    BOOST_TEST(code_of(reply) == errc::parameter_mismatch, sql);
    BOOST_TEST(mentions(reply, "which is none of its part"), detail_of(reply));
  }
  BOOST_TEST(numbers() == "1,2,3,4,5");
  BOOST_TEST(rows("SELECT sum(n) FROM k") == "0");
  BOOST_TEST(state().backfills.empty());
  schema("CREATE UNIQUE INDEX t_n ON t(n)");
  const auto replaced = apply_one(part(2, "UPDATE OR REPLACE t SET n = n + 3 WHERE id BETWEEN :first AND :last"));
  BOOST_TEST(mentions(replaced, "it changed row 9000, which is none of its part"), detail_of(replaced));
  // Rows of other tables are its own affair.
  BOOST_TEST(covered(apply_one(part(9, "INSERT INTO k SELECT 'x' || id, 1 FROM t WHERE id BETWEEN :first AND :last")))
             == 5);
}

BOOST_AUTO_TEST_CASE(a_part_that_goes_on_with_what_was_taken_back_is_a_conflict) {
  auto next = part(2);
  BOOST_TEST(covered(apply_one(next)) == 2);
  next.goes_on = true;
  BOOST_TEST(covered(apply_one(next)) == 2);
  auto back = with(schema_step::down, "UPDATE t SET n = n - 10 WHERE n > 10");
  back.expected = {};
  BOOST_TEST(code_of(apply_one(back)) == errc::none);
  const auto reply = apply_one(next);
  BOOST_TEST(code_of(reply) == errc::schema_conflict);
  BOOST_TEST(mentions(reply, "it was taken back meanwhile"), detail_of(reply));
  BOOST_TEST(numbers() == "1,2,3,4,5");
  BOOST_TEST(covered(apply_one(part(9))) == 5);
  BOOST_TEST(covered(apply_one(next)) == -1); // It is applied.
}

BOOST_AUTO_TEST_CASE(hooks_beside_it_are_run_with_the_first_part_and_the_last_and_change_rows_alone) {
  schema("CREATE TABLE note(what)");
  auto next = part(2);
  next.before = {{"b.sql", "INSERT INTO note VALUES ('before')"}};
  next.after = {{"a.sql", "INSERT INTO note VALUES ('after')"}};
  const auto notes = [&] { return rows("SELECT group_concat(what) FROM note"); };
  BOOST_TEST(covered(apply_one(next)) == 2);
  BOOST_TEST(notes() == "before");
  BOOST_TEST(covered(apply_one(next)) == 2);
  BOOST_TEST(notes() == "before");
  next.after[0].sql = "CREATE TABLE u(a)";
  const auto reply = apply_one(next);
  BOOST_TEST(code_of(reply) == errc::not_permitted);
  BOOST_TEST(mentions(reply, "a backfill and its hooks change rows alone: a.sql: "), detail_of(reply));
  next.after[0].sql = "INSERT INTO note VALUES ('after')";
  BOOST_TEST(covered(apply_one(next)) == 1);
  BOOST_TEST(notes() == "before,after");
}

BOOST_AUTO_TEST_CASE(a_part_or_hook_that_leaves_a_deferred_key_open_is_named) {
  schema(
    "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE d(id INTEGER PRIMARY KEY, p REFERENCES p DEFERRABLE "
    "INITIALLY DEFERRED); INSERT INTO d(id) VALUES (1)");
  const auto broken = apply_one(part(2, "UPDATE d SET p = 9 WHERE id BETWEEN :first AND :last", "d"));
  BOOST_TEST(code_of(broken) == errc::constraint);
  BOOST_TEST(mentions(broken, "migration main/1 m, up: "), detail_of(broken));
  BOOST_TEST(mentions(broken, "a row of d refers to one of p that is not there"), detail_of(broken));
  auto next = part(2);
  next.before = {{"b.sql", "INSERT INTO d VALUES (2, 9)"}};
  BOOST_TEST(mentions(apply_one(next), "migration main/1 m, up: "));
  BOOST_TEST(rows("SELECT count(*) FROM d WHERE p IS NOT NULL") == "0");
}

BOOST_AUTO_TEST_CASE(a_rehearsal_runs_all_of_it_and_keeps_nothing) {
  const auto done = writer->rehearse(std::vector{part(INT64_MAX)}, time_ms, {});
  BOOST_REQUIRE(done);
  BOOST_REQUIRE(*done);
  BOOST_TEST((*done)->changes[0].rows_changed == 5);
  BOOST_TEST(numbers() == "1,2,3,4,5");
  BOOST_TEST(state().backfills.empty());
}

BOOST_AUTO_TEST_SUITE_END()
