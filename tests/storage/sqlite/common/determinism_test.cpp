#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

/// A log of nine pieces of work in three batches, with everything that would differ between two machines or runs.
std::vector<batch_ptr> make_log() {
  const auto note = "INSERT INTO note(what) VALUES (?1)";
  std::vector<std::vector<work>> parts;
  parts.push_back({
    schema_script{"s",
                  "CREATE TABLE note(id INTEGER PRIMARY KEY AUTOINCREMENT, what, r DEFAULT (random()),"
                  " at DEFAULT CURRENT_TIMESTAMP, u UNIQUE);"
                  "CREATE TRIGGER x AFTER INSERT ON note BEGIN UPDATE note SET u = hex(randomblob(20)) || "
                  "strftime('%f', 'now') WHERE id = new.id; END;"
                  "CREATE TABLE counted(c, l); INSERT INTO counted VALUES (changes(), random())"},
    execute(note, "a").add(note, "b"),
  });
  parts.push_back({
    execute("INSERT INTO counted VALUES (changes(), last_insert_rowid())"),
    execute(note, "c").add("INSERT INTO counted VALUES (changes(), last_insert_rowid())").add(note, "d"),
    execute("INSERT INTO note(id, what) VALUES (1, 'duplicate')"),
    execute("INSERT OR ROLLBACK INTO note(id, what) VALUES (1, 'duplicate')"),
  });
  parts.push_back({
    execute("UPDATE note SET what = what || random() || datetime('now') || unixepoch()"),
    execute("INSERT INTO note(what) SELECT what FROM note ORDER BY random()"),
    execute("INSERT INTO counted VALUES (changes(), last_insert_rowid())"),
  });
  std::vector<batch_ptr> log;
  std::uint64_t seq = 1;
  for (auto& part : parts) {
    auto made = std::make_shared<batch>();
    made->first_seq = seq;
    made->accept_time_ms = 1'234'567'890'123 + static_cast<std::int64_t>(seq) * 1'000;
    made->items = std::move(part);
    seq += made->items.size();
    log.push_back(std::move(made));
  }
  return log;
}

} // namespace

BOOST_AUTO_TEST_SUITE(determinism_suite)

BOOST_AUTO_TEST_CASE(the_same_log_gives_the_same_database_however_it_is_cut) {
  const auto log = make_log();
  database_fixture merged;
  const auto merged_answers = merged.apply_all(log);

  database_fixture parted;
  std::vector<answer> parted_answers;
  for (const auto& part : log) {
    for (auto& reply : parted.apply_all(std::span{&part, 1})) {
      parted_answers.push_back(std::move(reply));
    }
    parted.open();
  }

  database_fixture single;
  std::vector<answer> single_answers;
  for (const auto& part : log) {
    for (std::size_t at = 0; at < part->items.size(); ++at) {
      auto one = std::make_shared<batch>();
      one->first_seq = part->first_seq + at;
      one->accept_time_ms = part->accept_time_ms;
      one->items = {part->items[at]};
      const batch_ptr piece = one;
      single_answers.push_back(single.apply_all(std::span{&piece, 1}).at(0));
    }
  }

  const auto expected = dump(merged.file);
  BOOST_TEST(expected == dump(parted.file));
  BOOST_TEST(expected == dump(single.file));
  BOOST_TEST((merged_answers == parted_answers));
  BOOST_TEST((merged_answers == single_answers));
  BOOST_TEST(merged.rows("SELECT count(*), count(DISTINCT r), count(DISTINCT u) FROM note") == "8|8|8");
  BOOST_TEST(merged.rows("SELECT at FROM note WHERE id = 1") == "2009-02-13 23:31:31");
  BOOST_TEST(merged.rows("SELECT c, l FROM counted LIMIT -1 OFFSET 1") == "0|0\n1|3\n0|0");
}

BOOST_AUTO_TEST_CASE(local_time_is_refused_because_it_depends_on_the_machine) {
  database_fixture database;
  for (const auto* sql : {"SELECT datetime('now', 'localtime')", "SELECT datetime(0, 'unixepoch', 'utc')"}) {
    BOOST_TEST(code_of(database.apply_one(execute(sql))) == errc::bad_sql);
  }
  // Everybody else in the process has it.
  BOOST_TEST(database.rows("SELECT datetime('now', 'localtime') IS NOT NULL") == "1");
}

BOOST_AUTO_TEST_CASE(the_largest_row_id_is_refused_because_random_ones_would_follow) {
  database_fixture database;
  database.schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1)");
  const auto largest = std::int64_t{9'223'372'036'854'775'807};
  auto guarded = execute("INSERT INTO t(a) VALUES (2)");
  guarded.in_group(on_error::continue_after,
                   [&](transaction& group) { group.add("INSERT INTO t VALUES (?1, 1)", largest); });
  guarded.add("INSERT INTO t(a) VALUES (3)");
  const auto replies = database.apply({
    execute("INSERT INTO t VALUES (?1, 1)", largest),
    execute("UPDATE t SET id = ?1", largest),
    guarded,
    schema_script{"s", "INSERT INTO t VALUES (9223372036854775807, 1)"},
    execute("INSERT INTO t(a) VALUES (4)"),
  });
  BOOST_TEST(code_of(replies[0]) == errc::not_permitted);
  BOOST_TEST(code_of(replies[1]) == errc::not_permitted);
  BOOST_TEST(code_of(replies[2]) == errc::none);
  BOOST_TEST(code_of(replies[3]) == errc::not_permitted);
  BOOST_TEST(database.rows("SELECT id, a FROM t") == "1|1\n2|2\n3|3\n4|4");
}

BOOST_AUTO_TEST_CASE(a_table_in_which_somebody_used_the_largest_row_id_takes_no_new_row_until_that_one_has_another) {
  database_fixture database;
  database.schema(
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE [u \"](a); CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TRIGGER r AFTER INSERT ON [u \"] BEGIN INSERT INTO t(a) VALUES (new.a); END");
  millrace::test::plain_connection other{database.file};
  const auto look = [&](const char* when) {
    auto guarded = execute("INSERT INTO w VALUES (?1)", when);
    guarded.in_group(on_error::continue_after, [](transaction& group) { group.add("INSERT INTO t(a) VALUES (1)"); });
    const auto replies = database.apply(
      {execute("INSERT INTO t(a) VALUES (1)"), execute("INSERT INTO [u \"] VALUES (2)"),
       schema_script{when, "INSERT INTO t(a) VALUES (3)"}, execute("UPDATE t SET a = a"), guarded});
    BOOST_TEST_CONTEXT(when) {
      for (int i = 0; i < 3; ++i) {
        BOOST_TEST(code_of(replies[i]) == errc::not_permitted, detail_of(replies[i]));
        BOOST_TEST(
          detail_of(replies[i]).find("a new row of t, in which somebody gave a row the id") != std::string::npos,
          detail_of(replies[i]));
      }
      BOOST_TEST(code_of(replies[3]) == errc::none);
      BOOST_TEST(code_of(replies[4]) == errc::none);
    }
  };
  other.execute("INSERT INTO t VALUES (9223372036854775807, 0)");
  look("since it was opened");
  database.open();
  look("when it is opened");
  BOOST_TEST(database.rows("SELECT a FROM t") == "0");
  BOOST_TEST(code_of(database.apply_one(execute("UPDATE t SET id = 5 WHERE id = 9223372036854775807"))) == errc::none);
  BOOST_TEST(code_of(database.apply_one(execute("INSERT INTO t(a) VALUES (1)"))) == errc::none);
  BOOST_TEST(database.rows("SELECT id, a FROM t") == "5|0\n6|1");
  other.execute("INSERT INTO [u \"](rowid, a) VALUES (9223372036854775807, 0)");
  BOOST_TEST(code_of(database.apply_one(execute("INSERT INTO [u \"] VALUES (2)"))) == errc::not_permitted);
}

BOOST_AUTO_TEST_CASE(a_table_that_has_no_row_id_left_is_no_full_disk) {
  database_fixture database;
  database.schema(
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE); INSERT INTO t VALUES (1, 1);"
    "INSERT OR IGNORE INTO t VALUES (9223372036854775807, 1); CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT, a)");
  const auto insert = execute("INSERT INTO t(a) VALUES (2)");
  auto guarded = execute("INSERT INTO u(a) VALUES ('before')");
  guarded.in_group(on_error::continue_after, [&](transaction& group) { group.add("INSERT INTO t(a) VALUES (2)"); });
  const auto replies = database.apply({execute("INSERT INTO u(a) VALUES (1)"), insert,
                                       execute("INSERT INTO t VALUES (2, 2)"), guarded,
                                       schema_script{"s", "INSERT INTO t(a) VALUES (3)"},
                                       execute("INSERT INTO u SELECT 9223372036854775807, 1 UNION ALL SELECT NULL, 2"),
                                       execute("INSERT INTO u(a) VALUES (2)")});
  for (const auto& reply : {replies.at(1), replies.at(4)}) {
    BOOST_TEST(code_of(reply) == errc::constraint);
    BOOST_TEST(detail_of(reply).find("AUTOINCREMENT has no row id left in t,") != std::string::npos, detail_of(reply));
  }
  BOOST_TEST(code_of(replies.at(2)) == errc::none);
  BOOST_TEST(code_of(replies.at(3)) == errc::constraint); // SQLite had ended all of it.
  BOOST_TEST(code_of(replies.at(5)) == errc::not_permitted, detail_of(replies.at(5)));
  BOOST_TEST(database.rows("SELECT id, a FROM t") == "1|1\n2|2");
  BOOST_TEST(database.rows("SELECT a FROM u") == "1\n2");
  database.schema("UPDATE sqlite_sequence SET seq = 2 WHERE name = 't'");
  BOOST_TEST(code_of(database.apply_one(execute("INSERT INTO t(a) VALUES (3)"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(changes_in_a_trigger_made_later_does_not_see_the_neighbour) {
  database_fixture database;
  database.schema("CREATE TABLE t(a); CREATE TABLE seen(c)");
  const auto insert = execute("INSERT INTO t VALUES (1), (2), (3)");
  const auto replies = database.apply({
    insert,
    schema_script{"s", "CREATE TRIGGER r BEFORE INSERT ON t BEGIN INSERT INTO seen VALUES (changes()); END"},
    execute("INSERT INTO t VALUES (4), (5), (6)").add("DELETE FROM t"),
    execute("INSERT INTO t VALUES (7)"),
  });
  for (const auto& reply : replies) {
    BOOST_REQUIRE(reply);
  }
  database_fixture other;
  other.schema("CREATE TABLE t(a); CREATE TABLE seen(c)");
  other.apply({insert});
  other.schema("CREATE TRIGGER r BEFORE INSERT ON t BEGIN INSERT INTO seen VALUES (changes()); END");
  other.apply({execute("INSERT INTO t VALUES (4), (5), (6)").add("DELETE FROM t")});
  other.open();
  other.apply({execute("INSERT INTO t VALUES (7)")});
  BOOST_TEST(database.rows("SELECT c FROM seen") == other.rows("SELECT c FROM seen"));
}

namespace {

/// Rows of which an index on one column or the other finds the same in another order; by what SQLite knows of their
/// number, it takes one or the other.
schema_script counted_rows(const std::string& then) {
  return {"rows",
          "CREATE TABLE taken(k); CREATE TABLE s(k INTEGER PRIMARY KEY, a, b); CREATE INDEX sa ON s(a);"
          "CREATE INDEX sb ON s(b); INSERT INTO s(a, b) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
          "FROM c WHERE i < 2000) SELECT i % 2, (i * 7919) % 1000 FROM c; ANALYZE;"
            + then};
}

/// Whether a transaction takes the same rows on the connection on which all before was applied and on a new one.
bool takes_the_same_when_reopened(const std::vector<work>& before) {
  std::string taken[2];
  for (const bool reopened : {false, true}) {
    database_fixture database;
    for (const auto& item : before) {
      static_cast<void>(database.apply_one(item));
    }
    if (reopened) {
      database.open();
    }
    BOOST_REQUIRE(database.apply_one(execute("INSERT INTO taken SELECT k FROM s WHERE a = 1 AND b < 50 LIMIT 5")));
    taken[reopened ? 1 : 0] = database.rows("SELECT k FROM taken");
  }
  return taken[0] == taken[1];
}

} // namespace

BOOST_AUTO_TEST_CASE(statistics_of_a_script_that_failed_are_forgotten) {
  BOOST_TEST(takes_the_same_when_reopened(
    {counted_rows(""), schema_script{"fails", "UPDATE s SET a = k, b = 1; ANALYZE; INSERT INTO nosuch VALUES (1)"}}));
}

BOOST_AUTO_TEST_CASE(statistics_that_a_script_wrote_itself_are_known_at_once) {
  BOOST_TEST(
    takes_the_same_when_reopened({counted_rows("UPDATE sqlite_stat1 SET stat = '2000 1' WHERE idx = 'sa'; "
                                               "UPDATE sqlite_stat1 SET stat = '2000 2000' WHERE idx = 'sb'")}));
}

BOOST_AUTO_TEST_CASE(what_a_full_text_table_holds_unwritten_survives_a_script) {
  database_fixture database;
  database.schema("CREATE VIRTUAL TABLE f USING fts5(x); CREATE TABLE found(n)");
  const auto count = execute("INSERT INTO found SELECT count(*) FROM f WHERE f MATCH 'word'");
  const auto add = execute("INSERT INTO f VALUES ('a word')");
  for (const auto& reply :
       database.apply({add, schema_script{"a", "INSERT INTO f VALUES ('word'); CREATE TABLE a(x)"}, count, add,
                       schema_script{"b", "CREATE TABLE b(x); INSERT INTO no VALUES (1)"}, add, count})) {
    BOOST_TEST((reply || detail_of(reply).find("no such table") != std::string::npos), detail_of(reply));
  }
  BOOST_TEST(database.rows("SELECT n FROM found") == "2\n4");
  database.open();
  database.apply({count});
  BOOST_TEST(database.rows("SELECT max(n) FROM found") == "4");
}

BOOST_AUTO_TEST_SUITE_END()
