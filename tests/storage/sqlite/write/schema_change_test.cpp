#include <millrace/storage/database.hpp>
#include <millrace/tests/support/storage/chain.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

applied_migration record(std::uint64_t version, std::vector<migration_id> needs = {}) {
  return {.version = version,
          .name = "m" + std::to_string(version),
          .checksum = chain(static_cast<std::uint8_t>(100 + version)),
          .chain = chain(static_cast<std::uint8_t>(version)),
          .needs = std::move(needs)};
}

/// Computes until it is interrupted.
constexpr auto endless_script =
  "CREATE TABLE t AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) AS n FROM c";

/// A migration of a set that follows the one with the number before, whose chain is that number.
schema_change up(std::uint64_t version, std::string sql, const std::string& set = "main",
                 std::vector<migration_id> needs = {}) {
  return {.step = schema_step::up,
          .set = set,
          .expected = chain(static_cast<std::uint8_t>(version - 1)),
          .migrations = {record(version, std::move(needs))},
          .sql = std::move(sql),
          .author = "ada"};
}

schema_change down(std::uint64_t version, std::string sql, const std::string& set = "main") {
  auto change = up(version, std::move(sql), set);
  change.step = schema_step::down;
  change.expected = chain(static_cast<std::uint8_t>(version));
  return change;
}

schema_change ad_hoc(std::string sql) {
  return {.step = schema_step::ad_hoc, .sql = std::move(sql), .author = "ada"};
}

struct schema_change_fixture : database_fixture {
  schema_state state(std::uint64_t after = 0, std::uint32_t limit = 100) {
    auto reader = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(reader);
    auto found = (*reader)->schema(after, limit);
    BOOST_REQUIRE_MESSAGE(found, (found ? "" : to_string(found.error())));
    return std::move(*found);
  }

  rehearsal rehearse(const std::vector<schema_change>& changes) {
    auto done = writer->rehearse(changes, time_ms, {});
    BOOST_REQUIRE_MESSAGE(done, (done ? "" : to_string(done.error().why)));
    return std::move(*done);
  }

  /// Which versions of a set are applied.
  std::string versions(const std::string& set = "main") {
    return rows("SELECT group_concat(version) FROM millrace_migrations WHERE set_name = '" + set + "'");
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(schema_change_suite, schema_change_fixture)

BOOST_AUTO_TEST_CASE(migrations_are_applied_in_order_once_and_recorded) {
  BOOST_TEST(code_of(apply_one(up(1, "CREATE TABLE t(a)"))) == errc::none);
  BOOST_TEST(code_of(apply_one(up(2, "ALTER TABLE t ADD COLUMN b; CREATE INDEX t_b ON t(b)"))) == errc::none);
  BOOST_TEST(code_of(apply_one(up(2, "ALTER TABLE t ADD COLUMN b; CREATE INDEX t_b ON t(b)"))) == errc::none);
  BOOST_TEST(versions() == "1,2");
  const auto now = state();
  BOOST_TEST(now.seq == 3u);
  BOOST_TEST((now.sets == std::vector<applied_set>{{"main", {record(1), record(2)}}}));
  BOOST_REQUIRE(now.history.size() == 2u);
  BOOST_TEST(now.history[1].sql == "ALTER TABLE t ADD COLUMN b; CREATE INDEX t_b ON t(b)");
  BOOST_TEST(now.history[1].author == "ada");
  BOOST_TEST(now.history[1].accepted_ms == time_ms);
  BOOST_TEST(now.history[1].version == 2u);
  BOOST_TEST(now.drift.empty());
}

BOOST_AUTO_TEST_CASE(a_migration_that_does_not_follow_what_is_applied_is_a_conflict) {
  BOOST_TEST(code_of(apply_one(up(2, "CREATE TABLE t(a)"))) == errc::schema_conflict);
  BOOST_TEST(code_of(apply_one(up(1, "CREATE TABLE t(a)"))) == errc::none);
  auto other = up(1, "CREATE TABLE u(a)");
  other.migrations[0].chain = chain(99);
  BOOST_TEST(code_of(apply_one(other)) == errc::schema_conflict); // Of two programs with different files.
  BOOST_TEST(code_of(apply_one(up(3, "CREATE TABLE u(a)"))) == errc::schema_conflict);
  other.expected = chain(1);
  BOOST_TEST(code_of(apply_one(other)) == errc::schema_conflict); // Not above what is applied.
  BOOST_TEST(versions() == "1");
  BOOST_TEST(rows("SELECT count(*) FROM sqlite_schema WHERE name = 'u'") == "0");
}

BOOST_AUTO_TEST_CASE(a_migration_that_fails_at_any_statement_leaves_nothing_and_names_its_line) {
  schema("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1), (2)");
  const auto before = dump(file);
  const std::vector<std::string> steps{"CREATE TABLE u(a);\n", "INSERT INTO u SELECT a FROM t;\n",
                                       "-- three\nUPDATE t SET a = a + 10;\n", "DROP TABLE t;\n"};
  for (std::size_t failing = 0; failing <= steps.size(); ++failing) {
    std::string sql;
    for (std::size_t i = 0; i < failing; ++i) {
      sql += steps[i];
    }
    const auto reply = apply_one(up(1, sql + "\nINSERT INTO nowhere VALUES (1);"));
    BOOST_TEST(code_of(reply) == errc::bad_sql);
    const auto line = 2 + std::ranges::count(sql, '\n');
    const auto place = "statement " + std::to_string(failing + 1) + " (line " + std::to_string(line) + ")";
    BOOST_TEST(detail_of(reply).find("migration main/1 m1, up: " + place) == 0u, detail_of(reply));
  }
  auto after = dump(file);
  // All but how far the log is applied.
  const auto meta = [](const std::string& text) { return text.find("-- millrace_meta"); };
  const auto rest = [&](const std::string& text) { return text.substr(text.find("-- ", meta(text) + 3)); };
  BOOST_TEST(rest(after) == rest(before));
  BOOST_TEST(code_of(apply_one(up(1, steps[0] + steps[1] + steps[2] + steps[3]))) == errc::none);
  BOOST_TEST(rows("SELECT * FROM u") == "1\n2");
}

BOOST_AUTO_TEST_CASE(a_migration_is_taken_back_where_it_is_the_newest_and_nobody_needs_it) {
  apply({up(1, "CREATE TABLE a(x)"), up(2, "CREATE TABLE b(x)"), up(1, "CREATE TABLE c(x)", "other", {{"main", 2}})});
  BOOST_TEST(code_of(apply_one(down(1, "DROP TABLE a"))) == errc::schema_conflict);
  const auto needed = apply_one(down(2, "DROP TABLE b"));
  BOOST_TEST(code_of(needed) == errc::schema_conflict);
  BOOST_TEST(detail_of(needed).find("other/1 needs main/2") != std::string::npos, detail_of(needed));
  BOOST_TEST(code_of(apply_one(down(1, "DROP TABLE c", "other"))) == errc::none);
  BOOST_TEST(code_of(apply_one(down(2, "DROP TABLE b"))) == errc::none);
  BOOST_TEST(code_of(apply_one(down(2, "DROP TABLE b"))) == errc::schema_conflict);
  BOOST_TEST(versions() == "1");
  BOOST_TEST(versions("other") == "NULL");
  BOOST_TEST(state().drift.empty());
  BOOST_TEST(code_of(apply_one(up(2, "CREATE TABLE b(y)"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(what_a_migration_needs_must_be_applied) {
  const auto refused = apply_one(up(1, "CREATE TABLE c(x)", "other", {{"main", 1}}));
  BOOST_TEST(code_of(refused) == errc::schema_conflict);
  BOOST_TEST(detail_of(refused).find("other/1 needs main/1, which is not applied") != std::string::npos,
             detail_of(refused));
  BOOST_TEST(code_of(apply_one(up(1, "CREATE TABLE a(x)"))) == errc::none);
  BOOST_TEST(code_of(apply_one(up(1, "CREATE TABLE c(x)", "other", {{"main", 1}}))) == errc::none);
  // 12 is needed by nobody, though its digits are.
  BOOST_TEST(code_of(apply_one(down(1, "DROP TABLE a"))) == errc::schema_conflict);
}

BOOST_AUTO_TEST_CASE(a_baseline_runs_nothing_and_a_repair_records_anew) {
  schema_change baseline{.step = schema_step::baseline, .set = "main", .migrations = {record(1), record(2)}};
  BOOST_TEST(code_of(apply_one(baseline)) == errc::none);
  BOOST_TEST(versions() == "1,2");
  schema_change repair{.step = schema_step::repair, .set = "main", .expected = chain(2), .migrations = {record(2)}};
  repair.migrations[0].checksum = chain(42);
  BOOST_TEST(code_of(apply_one(repair)) == errc::none);
  BOOST_TEST((state().sets.at(0).migrations == repair.migrations));
  repair.expected = chain(1);
  BOOST_TEST(code_of(apply_one(repair)) == errc::schema_conflict);
  repair.expected = chain(2);
  repair.migrations.clear();
  BOOST_TEST(code_of(apply_one(repair)) == errc::none);
  BOOST_TEST(state().sets.empty());
}

BOOST_AUTO_TEST_CASE(what_somebody_else_does_to_the_schema_is_drift_and_what_ad_hoc_changes_do_is_not) {
  apply({up(1, "CREATE TABLE t(a); CREATE TABLE u(a)"), ad_hoc("CREATE INDEX t_a ON t(a)")});
  BOOST_TEST(state().drift.empty());
  {
    plain_connection stranger{file};
    stranger.execute("DROP TABLE u; CREATE VIEW v AS SELECT 1; ALTER TABLE t ADD COLUMN b");
  }
  const std::vector<schema_difference> expected{
    {"table", "t", "CREATE TABLE t(a)", "CREATE TABLE t(a, b)"},
    {"table", "u", "CREATE TABLE u(a)", ""},
    {"view", "v", "", "CREATE VIEW v AS SELECT 1"},
  };
  BOOST_TEST((state().drift == expected));
  // A change of ours does not adopt what it did not do.
  apply_one(ad_hoc("CREATE TABLE w(a)"));
  BOOST_TEST((state().drift == expected));
  apply_one(ad_hoc("DROP VIEW v; CREATE TABLE u(a)"));
  BOOST_TEST(state().drift.size() == 1u);
}

BOOST_AUTO_TEST_CASE(comments_spaces_and_case_are_no_drift) {
  apply_one(ad_hoc("CREATE TABLE t(a TEXT DEFAULT 'X  y', b)"));
  {
    plain_connection stranger{file};
    stranger.execute("DROP TABLE t; CREATE TABLE t( A text /* a */ default 'X  y',\n  b -- last\n)");
  }
  BOOST_TEST(state().drift.empty());
  {
    plain_connection stranger{file};
    stranger.execute("DROP TABLE t; CREATE TABLE t(a TEXT DEFAULT 'x  y', b)");
  }
  BOOST_TEST(state().drift.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_rehearsal_shows_what_it_would_do_and_does_nothing) {
  apply_one(up(1, "CREATE TABLE t(a); INSERT INTO t VALUES (1)"));
  const auto before = dump(file);
  const auto done = rehearse(
    {up(2, "ALTER TABLE t ADD COLUMN b; UPDATE t SET a = 2"), up(3, "CREATE INDEX t_b ON t(b)")});
  BOOST_REQUIRE_MESSAGE(done, (done ? "" : to_string(done.error())));
  BOOST_REQUIRE(done->changes.size() == 2u);
  BOOST_TEST((done->changes[0].differences
              == std::vector<schema_difference>{{"table", "t", "CREATE TABLE t(a)", "CREATE TABLE t(a, b)"}}));
  BOOST_TEST(
    (done->changes[1].differences == std::vector<schema_difference>{{"index", "t_b", "", "CREATE INDEX t_b ON t(b)"}}));
  BOOST_TEST(dump(file) == before);
  const auto failing = rehearse({up(2, "ALTER TABLE t ADD COLUMN b"), up(3, "CREATE INDEX t_b ON t(c)")});
  BOOST_REQUIRE(!failing);
  BOOST_TEST(failing.error().code == errc::bad_sql);
  BOOST_TEST(dump(file) == before);
  // What is compiled afterwards knows the schema that is there.
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO t VALUES (2)"))) == errc::none);
  BOOST_TEST(!writer->take_foreign_commit());
  BOOST_TEST(code_of(apply_one(up(2, "ALTER TABLE t ADD COLUMN b"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(a_table_is_rebuilt_in_the_twelve_steps_and_broken_keys_keep_the_old_one) {
  schema(
    "CREATE TABLE parent(id INTEGER PRIMARY KEY, name); CREATE TABLE child(p REFERENCES parent(id));"
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO child VALUES (1), (2)");
  const std::string rebuild =
    "PRAGMA foreign_keys=OFF;\nBEGIN;\n"
    "CREATE TABLE new_parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
    "INSERT INTO new_parent SELECT id, name FROM parent";
  const std::string rest =
    ";\nDROP TABLE parent;\nALTER TABLE new_parent RENAME TO parent;\n"
    "PRAGMA foreign_key_check;\nCOMMIT;\nPRAGMA foreign_keys=ON;\n";
  const auto broken = apply_one(up(1, rebuild + " WHERE id = 1" + rest));
  BOOST_TEST(code_of(broken) == errc::constraint);
  BOOST_TEST(detail_of(broken).find("statement 7 (line 7): FOREIGN KEY constraint failed") != std::string::npos,
             detail_of(broken));
  BOOST_TEST(rows("SELECT count(*) FROM parent") == "2");
  BOOST_TEST(code_of(apply_one(up(1, rebuild + rest))) == errc::none);
  BOOST_TEST(rows("SELECT sql FROM sqlite_schema WHERE name = 'child'")
             == "CREATE TABLE child(p REFERENCES parent(id))");
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO child VALUES (3)"))) == errc::constraint);
}

BOOST_AUTO_TEST_CASE(a_column_is_added_with_a_check_that_all_rows_keep) {
  schema("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)");
  for (const std::string sql :
       {"ALTER TABLE t ADD COLUMN b CHECK (b < 2)", "ALTER TABLE t ADD COLUMN c AS (a + 1) NOT NULL"}) {
    const auto done = apply_one(ad_hoc(sql));
    BOOST_TEST(code_of(done) == errc::none, sql << ": " << detail_of(done));
  }
  const auto broken = apply_one(ad_hoc("ALTER TABLE t ADD COLUMN d AS (a) CHECK (d < 2)"));
  BOOST_TEST(detail_of(broken).find("CHECK constraint failed") != std::string::npos, detail_of(broken));
  BOOST_TEST(rows("SELECT count(*) FROM pragma_table_xinfo('t')") == "3");
  for (const std::string sql :
       {"INSERT INTO t(a) SELECT count(*) FROM pragma_quick_check('t')",
        "ALTER TABLE t ADD COLUMN d; INSERT INTO t(a) SELECT count(*) FROM pragma_quick_check"}) {
    BOOST_TEST(code_of(apply_one(ad_hoc(sql))) == errc::not_permitted, sql);
  }
}

BOOST_AUTO_TEST_CASE(the_history_is_read_in_parts_and_long_texts_are_left_out) {
  std::string long_text = "DROP TABLE t;";
  while (long_text.size() <= recorded_sql_bytes_max) {
    long_text += "SELECT '" + std::string(200'000, 'x') + "';";
  }
  apply({ad_hoc("CREATE TABLE t(a)"), ad_hoc(long_text), ad_hoc("CREATE TABLE u(a)")});
  const auto first = state(0, 2);
  BOOST_TEST(first.more);
  BOOST_REQUIRE(first.history.size() == 2u);
  BOOST_TEST(first.history[1].sql == "");
  const auto next = state(first.history.back().seq, 2);
  BOOST_TEST(!next.more);
  BOOST_REQUIRE(next.history.size() == 1u);
  BOOST_TEST(next.history[0].sql == "CREATE TABLE u(a)");
}

BOOST_AUTO_TEST_CASE(no_client_reads_the_history_and_no_transaction_what_is_applied) {
  apply_one(up(1, "CREATE TABLE t(a)"));
  auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  BOOST_TEST((*reader)->run(select("SELECT version FROM millrace_migrations"), {}).has_value());
  for (const auto* const hidden : {"millrace_history", "millrace_objects"}) {
    const auto refused = (*reader)->run(select(std::string{"SELECT * FROM "} + hidden), {});
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().code == errc::not_permitted);
  }
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO t SELECT version FROM millrace_migrations")))
             == errc::not_permitted);
  BOOST_TEST(code_of(apply_one(ad_hoc("DELETE FROM millrace_history"))) == errc::not_permitted);
}

BOOST_AUTO_TEST_CASE(a_rebuild_that_would_take_rows_of_others_with_it_is_refused) {
  schema(
    "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(p REFERENCES parent(id) ON DELETE CASCADE);"
    "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)");
  const std::string rebuild =
    "CREATE TABLE new_parent(id INTEGER PRIMARY KEY, name); INSERT INTO new_parent(id) SELECT id "
    "FROM parent; DROP TABLE parent; ALTER TABLE new_parent RENAME TO parent;";
  const auto refused = apply_one(up(1, rebuild));
  BOOST_TEST(code_of(refused) == errc::constraint);
  BOOST_TEST(detail_of(refused).find("changes the rows of child") != std::string::npos, detail_of(refused));
  BOOST_TEST(rows("SELECT count(*) FROM child") == "1");
  BOOST_TEST(code_of(apply_one(up(1, "PRAGMA foreign_keys=OFF;" + rebuild))) == errc::none);
  BOOST_TEST(rows("SELECT count(*) FROM child") == "1");
  // Where both go, nothing is lost that was to stay.
  BOOST_TEST(code_of(apply_one(up(2, "DROP TABLE parent; DROP TABLE child"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(a_table_that_was_there_is_not_left_without_what_it_refers_to) {
  schema(
    "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(p REFERENCES parent(id));"
    "CREATE TABLE early(p REFERENCES later(id))");
  const auto refused = apply_one(up(1,
                                    "PRAGMA foreign_keys=OFF; ALTER TABLE parent RENAME TO old; CREATE TABLE parent(id "
                                    "INTEGER PRIMARY KEY); DROP TABLE old"));
  BOOST_TEST(code_of(refused) == errc::constraint);
  BOOST_TEST(detail_of(refused).find("child would refer to old") != std::string::npos, detail_of(refused));
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO child VALUES (NULL)"))) == errc::none);
  // Tables may come in any order.
  BOOST_TEST(code_of(apply_one(up(1, "CREATE TABLE first(p REFERENCES second(id))"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_may_be_dropped_if_it_exists) {
  const std::string sql =
    "DROP TABLE IF EXISTS a; DROP VIEW IF EXISTS b; DROP INDEX IF EXISTS c; DROP TRIGGER IF EXISTS d;"
    "CREATE TABLE t(a); CREATE INDEX i ON t(a); CREATE INDEX IF NOT EXISTS i ON t(a)";
  const auto done = apply_one(up(1, sql));
  BOOST_TEST(code_of(done) == errc::none, detail_of(done));
  for (const std::string vacuum : {"VACUUM", " /* */ vacuum", "VACUUM INTO 'x'"}) {
    BOOST_TEST(code_of(apply_one(ad_hoc(vacuum))) == errc::not_permitted);
  }
}

BOOST_AUTO_TEST_CASE(what_another_program_made_of_the_schema_can_be_adopted) {
  apply_one(ad_hoc("CREATE TABLE t(a)"));
  {
    plain_connection stranger{file};
    stranger.execute("DROP TABLE t; CREATE TABLE theirs(a)");
  }
  BOOST_TEST(state().drift.size() == 2u);
  BOOST_TEST(code_of(apply_one(schema_change{.step = schema_step::adopt, .author = "ada"})) == errc::none);
  const auto now = state();
  BOOST_TEST(now.drift.empty());
  BOOST_TEST((now.history.back().step == schema_step::adopt));
  BOOST_TEST(rows("SELECT name FROM millrace_objects") == "theirs");
}

BOOST_AUTO_TEST_CASE(a_rehearsal_counts_the_rows_that_it_would_change) {
  schema("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3)");
  const auto done = rehearse({up(1, "UPDATE t SET a = 4 WHERE a > 1; ALTER TABLE t ADD COLUMN b")});
  BOOST_REQUIRE(done);
  BOOST_TEST(done->changes[0].rows_changed == 2);
}

BOOST_AUTO_TEST_CASE(a_deferred_key_that_is_left_open_is_named_also_where_it_was_mended_unseen) {
  schema("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE d(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
  const auto with_hook = [](std::string sql) {
    auto change = up(1, std::move(sql));
    change.before = {{"main/before_each.sql", "INSERT INTO d VALUES (1)"}};
    return change;
  };
  const auto broken = apply_one(with_hook("SELECT 1"));
  BOOST_TEST(code_of(broken) == errc::constraint);
  BOOST_TEST(detail_of(broken).find("migration main/1") == 0u, detail_of(broken));
  BOOST_TEST(detail_of(broken).find("a row of d refers to one of p that is not there") != std::string::npos);
  const auto unseen = apply_one(with_hook("PRAGMA foreign_keys=OFF; INSERT INTO p VALUES (1)"));
  BOOST_TEST(code_of(unseen) == errc::constraint);
  BOOST_TEST(
    detail_of(unseen).find("mend it in the part that left it open, or leave that line out") != std::string::npos,
    detail_of(unseen));
  BOOST_TEST(rows("SELECT count(*) FROM d") == "0");
  BOOST_TEST(code_of(apply_one(with_hook("INSERT INTO p VALUES (1)"))) == errc::none);
  auto both = up(2, "PRAGMA foreign_keys=OFF; INSERT INTO p VALUES (2)");
  both.before = {{"main/before_each.sql", "PRAGMA foreign_keys=OFF; INSERT INTO d VALUES (2)"}};
  BOOST_TEST(code_of(apply_one(both)) == errc::constraint); // What the first says ends with it.
}

BOOST_AUTO_TEST_CASE(a_rehearsal_is_called_off_once_nobody_waits_for_it_any_more) {
  struct : requester {
    bool gone() const noexcept override { return ++asked > 3; }
    mutable int asked = 0;
  } somebody;
  const std::vector changes{up(1, endless_script)};
  const auto done = writer->rehearse(changes, time_ms, {.asked_by = &somebody});
  BOOST_REQUIRE(!done);
  BOOST_TEST((done.error().next == remedy::none));
  BOOST_TEST(code_of(apply_one(up(1, "CREATE TABLE u(a)"))) == errc::none); // The next call is nothing of theirs.
}

BOOST_AUTO_TEST_CASE(a_rehearsal_ends_with_its_call_and_a_change_has_no_parameters) {
  const std::vector<schema_change> changes{ad_hoc(endless_script)};
  const auto done = writer->rehearse(changes, time_ms, {moment::clock::now() + std::chrono::milliseconds{50}});
  BOOST_REQUIRE(done);
  BOOST_REQUIRE(!*done);
  BOOST_TEST(done->error().code == errc::deadline_exceeded);
  std::atomic<bool> off = true;
  const auto called_off = writer->rehearse(changes, time_ms, {.called_off = &off});
  BOOST_REQUIRE(!called_off);
  BOOST_TEST((called_off.error().next == remedy::none));
  BOOST_TEST(code_of(apply_one(ad_hoc("CREATE TABLE t AS SELECT :x AS a"))) == errc::parameter_mismatch);
  BOOST_TEST(code_of(apply_one(ad_hoc("CREATE TABLE t(a)"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(hooks_run_around_a_migration_in_its_transaction_and_stand_in_the_history) {
  schema("CREATE TABLE said(what)");
  auto change = up(1, "CREATE TABLE t(a); INSERT INTO said VALUES ('itself')");
  change.before = {{"main/before_each.sql", "INSERT INTO said VALUES ('before each')"},
                   {"main/0001_m1.before.sql", "INSERT INTO said VALUES ('before')\n"}};
  change.after = {{"main/0001_m1.after.sql", "INSERT INTO said SELECT 'after ' || count(*) FROM t"}};
  BOOST_TEST(code_of(apply_one(change)) == errc::none);
  BOOST_TEST(rows("SELECT what FROM said ORDER BY rowid") == "before each\nbefore\nitself\nafter 0");
  BOOST_TEST(state().history.back().sql
             == "-- main/before_each.sql\nINSERT INTO said VALUES ('before each')\n"
                "-- main/0001_m1.before.sql\nINSERT INTO said VALUES ('before')\n"
                "-- the migration itself\nCREATE TABLE t(a); INSERT INTO said VALUES ('itself')\n"
                "-- main/0001_m1.after.sql\nINSERT INTO said SELECT 'after ' || count(*) FROM t\n");
  BOOST_TEST(code_of(apply_one(change)) == errc::none); // It is applied, so nothing runs.
  BOOST_TEST(rows("SELECT count(*) FROM said") == "4");
  BOOST_TEST(state().drift.empty());
}

BOOST_AUTO_TEST_CASE(a_hook_that_fails_is_named_with_its_own_line_and_nothing_of_the_migration_stays) {
  auto change = up(1, "CREATE TABLE t(a);\n\n\nINSERT INTO t VALUES (1)");
  const std::vector<schema_hook> good{{"main/before_each.sql", "SELECT 1;\nSELECT 2;\nSELECT 3"}};
  const std::vector<schema_hook> bad{{"main/bad.sql", "SELECT 1;\n\nINSERT INTO nowhere VALUES (1);"}};
  for (const bool before : {true, false}) {
    change.before = before ? std::vector{good[0], bad[0]} : good;
    change.after = before ? good : bad;
    const auto reply = apply_one(change);
    BOOST_TEST(code_of(reply) == errc::bad_sql);
    BOOST_TEST(detail_of(reply).find("migration main/1 m1, up: main/bad.sql: statement 2 (line 3): ") == 0u,
               detail_of(reply));
    const auto tried = rehearse({change});
    BOOST_REQUIRE(!tried);
    BOOST_TEST(tried.error().detail == detail_of(reply));
    BOOST_TEST(rows("SELECT count(*) FROM sqlite_schema WHERE name = 't'") == "0");
  }
  change.before = good;
  change.after = good;
  change.sql += "; INSERT INTO nowhere VALUES (1)";
  BOOST_TEST(detail_of(apply_one(change)).find("migration main/1 m1, up: statement 3 (line 4)") == 0u);
}

BOOST_AUTO_TEST_CASE(each_part_of_a_migration_has_a_frame_of_its_own) {
  schema(
    "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(p REFERENCES parent(id) ON DELETE CASCADE);"
    "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)");
  auto change = up(1,
                   "PRAGMA foreign_keys=OFF; BEGIN; CREATE TABLE other(id INTEGER PRIMARY KEY);"
                   "INSERT INTO other SELECT id FROM parent; DROP TABLE parent; ALTER TABLE other RENAME TO parent; "
                   "COMMIT");
  change.before = {{"main/before_each.sql", "BEGIN; CREATE TABLE log(a); COMMIT"}};
  change.after = {{"main/after_each.sql", "INSERT INTO log SELECT count(*) FROM child"}};
  BOOST_TEST(detail_of(apply_one(change)) == "");
  BOOST_TEST(rows("SELECT a FROM log") == "1");
}

BOOST_AUTO_TEST_CASE(a_hook_of_a_run_is_a_step_of_its_own_that_may_come_again) {
  const schema_change hook{
    .step = schema_step::hook,
    .set = "main",
    .author = "ada",
    .before = {{"main/before_run.sql", "CREATE TABLE IF NOT EXISTS t(a);\nINSERT INTO t VALUES (1)"}}};
  BOOST_TEST((!check(hook)));
  BOOST_TEST(code_of(apply_one(hook)) == errc::none);
  BOOST_TEST(code_of(apply_one(hook)) == errc::none);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "2");
  const auto last = state().history.back();
  BOOST_TEST((last.step == schema_step::hook));
  BOOST_TEST(last.set == "main");
  BOOST_TEST(last.name == "main/before_run.sql");
  BOOST_TEST(versions() == "NULL");
  auto wrong = hook;
  wrong.before[0].sql += "; nonsense";
  BOOST_TEST(detail_of(apply_one(wrong)).find("main/before_run.sql: statement 3 (line 2): ") == 0u);
}

/// SQLite empties a table in one step.
BOOST_AUTO_TEST_CASE(a_timeout_holds_for_what_cannot_be_interrupted) {
  schema(
    "CREATE TABLE t(a);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t "
    "SELECT zeroblob(9000) FROM n");
  auto change = up(1, "DELETE FROM t");
  change.timeout = std::chrono::milliseconds{1};
  const auto met = try_to_apply(next_batch({change}));
  BOOST_REQUIRE(!met);
  BOOST_TEST((met.error().why.code == errc::deadline_exceeded));
  BOOST_TEST(rows("SELECT count(*) FROM t") == "3000");
}

BOOST_AUTO_TEST_CASE(a_migration_that_takes_longer_than_its_timeout_begins_a_call_and_is_called_off_once_and_for_all) {
  auto change = up(1, "CREATE TABLE u(a); " + std::string{endless_script});
  change.timeout = std::chrono::milliseconds{50};
  const auto next = next_batch({ad_hoc("CREATE TABLE v(a)"), change, ad_hoc("CREATE TABLE w(a)")});
  const auto before = try_to_apply(next);
  BOOST_REQUIRE(before);
  BOOST_TEST(before->size() == 1u);
  BOOST_TEST(mark.now.last == 1u); // The second was not begun.
  const auto met = try_to_apply(next);
  BOOST_REQUIRE(!met);
  BOOST_TEST((met.error().why.code == errc::deadline_exceeded));
  BOOST_TEST(met.error().suspects == 1u);
  BOOST_TEST(met.error().proven);
  next->skipped = {{2, errc::deadline_exceeded, 1}};
  const auto after = try_to_apply(next);
  BOOST_REQUIRE((after && after->size() == 2u));
  BOOST_TEST(code_of(after->at(0)) == errc::deadline_exceeded);
  BOOST_TEST(detail_of(after->at(0))
             == "migration main/1 m1, up: it took longer than its timeout of 50 ms, and nothing of it was kept; give it "
                "a longer one, or less to do, and apply it again");
  BOOST_TEST(code_of(after->at(1)) == errc::none);
  BOOST_TEST(writer->quarantined() == 0u);
  BOOST_TEST(rows("SELECT group_concat(name) FROM millrace_objects") == "v,w");
  const auto tried = rehearse({change});
  BOOST_REQUIRE(!tried);
  BOOST_TEST(tried.error().detail == detail_of(after->at(0)));
  change.sql = "CREATE TABLE u(a)";
  change.timeout = std::chrono::minutes{10};
  BOOST_TEST(code_of(apply_one(change)) == errc::none);
}

BOOST_AUTO_TEST_CASE(what_the_log_says_came_to_its_end_in_time_is_applied_in_whatever_time) {
  auto change = up(1,
                   "CREATE TABLE t AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 500000) "
                   "SELECT count(*) AS n FROM c");
  change.timeout = std::chrono::milliseconds{1};
  const auto next = next_batch({change, change});
  BOOST_TEST(!try_to_apply(next));
  next->skipped = {{1, errc::none, 0}};
  BOOST_TEST(try_to_apply(next).has_value());
  BOOST_TEST(rows("SELECT n FROM t") == "500000");
  BOOST_TEST(versions() == "1");
}

BOOST_AUTO_TEST_CASE(many_short_statements_are_called_off_like_a_long_one) {
  std::string sql = "CREATE TABLE t(a);";
  for (int i = 0; i < 200'000; ++i) {
    sql += "INSERT INTO t VALUES (1);";
  }
  auto change = up(1, std::move(sql));
  change.timeout = std::chrono::milliseconds{1};
  const auto met = try_to_apply(next_batch({change}));
  BOOST_REQUIRE(!met);
  BOOST_TEST((met.error().why.code == errc::deadline_exceeded));
}

BOOST_AUTO_TEST_SUITE_END()
