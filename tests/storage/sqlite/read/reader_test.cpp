#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/first_cell.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;
using millrace::test::first_cell;
using namespace std::chrono_literals;

namespace {

struct reader_fixture : database_fixture {
  reader_fixture() {
    schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    auto opened = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(opened);
    reader = std::move(*opened);
  }

  result<row_set> run(const query& question) { return reader->run(question, {}); }

  /// Changes a letter of a text that stands in the table and in an index.
  void spoil(const std::string& text) {
    BOOST_REQUIRE(writer->checkpoint());
    std::fstream bytes{file, std::ios::binary | std::ios::in | std::ios::out};
    const std::string all{std::istreambuf_iterator<char>{bytes}, {}};
    const auto at = all.rfind(text);
    BOOST_REQUIRE(at != std::string::npos);
    bytes.seekp(static_cast<std::streamoff>(at));
    bytes.put('#');
  }

  errc refusal(const query& question) {
    const auto rows = run(question);
    return rows ? errc::none : rows.error().code;
  }

  std::unique_ptr<database_reader> reader;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_reader_suite, reader_fixture)

BOOST_AUTO_TEST_CASE(rows_come_by_position_and_name) {
  const auto rows = run(select("SELECT id, a AS name FROM t WHERE id >= :low ORDER BY id", named{":low", 2}));
  BOOST_REQUIRE(rows);
  BOOST_REQUIRE(rows->size() == 2u);
  BOOST_TEST((*rows)[0]["name"].as_text() == "two");
  BOOST_TEST((*rows)[1][0].as_integer() == 3);
  BOOST_TEST(!rows->truncated());
}

BOOST_AUTO_TEST_CASE(an_empty_result_has_its_columns) {
  const auto rows = run(select("SELECT id, a FROM t WHERE id = ?1", 99));
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->empty());
  BOOST_TEST(rows->columns().size() == 2u);
}

BOOST_AUTO_TEST_CASE(rows_beyond_the_limit_are_cut_and_it_says_so) {
  auto question = select("SELECT id FROM t ORDER BY id");
  question.max_rows = 2;
  auto rows = run(question);
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->size() == 2u);
  BOOST_TEST(rows->truncated());
  question.max_rows = 3;
  rows = run(question);
  BOOST_REQUIRE(rows);
  BOOST_TEST(!rows->truncated());
  rows = run(select("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT zeroblob(8000000) FROM n"));
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->truncated());
  BOOST_TEST(rows->size() == 8u);
  BOOST_TEST(rows->cells().size() <= limits::row_set_bytes_max);
}

BOOST_AUTO_TEST_CASE(a_query_only_reads) {
  const std::pair<std::string, std::string> changes[] = {
    {"INSERT INTO t VALUES (4, 'x')", "INSERT INTO t"},
    {"UPDATE t SET a = 1", "UPDATE of t"},
    {"DELETE FROM t", "DELETE FROM t"},
    {"WITH n(i) AS (SELECT 1) DELETE FROM t", "DELETE FROM t"},
    {"INSERT INTO t VALUES (4, 'x') RETURNING id", "INSERT INTO t"},
  };
  for (const auto& [sql, named] : changes) {
    const auto refused = run(select(sql));
    BOOST_TEST_CONTEXT(sql) {
      BOOST_REQUIRE(!refused);
      BOOST_TEST(refused.error().code == errc::not_a_query);
      BOOST_TEST(refused.error().detail == named);
    }
  }
  const std::pair<std::string, std::string> refusals[] = {
    {"CREATE TABLE u(a)", "CREATE TABLE u: the schema changes by migrations"},
    {"CREATE TEMP VIEW u AS SELECT 1", "CREATE TEMP u: what is temporary"},
    {"DROP TABLE t", "DROP TABLE t: the schema changes"},
    {"BEGIN", "BEGIN: a transaction begins and ends by itself"},
    {"COMMIT", "COMMIT: a transaction begins"},
    {"SAVEPOINT s", "SAVEPOINT s: what may fail alone"},
    {"VACUUM", "VACUUM: free space"},
    {"VACUUM INTO 'x'", "VACUUM: free space"},
    {"ANALYZE", "ANALYZE: the schema changes"},
    {"PRAGMA journal_mode", "PRAGMA journal_mode: settings are Millrace's own; a query may read"},
    {"PRAGMA query_only = 0", "PRAGMA query_only: settings"},
    {"PRAGMA user_version = 3", "PRAGMA user_version: settings"},
    {"PRAGMA data_version", "PRAGMA: settings"},
    {"ATTACH 'x' AS x", "ATTACH x: an engine has one database"},
    {"SELECT load_extension('x')", "the function load_extension(): no code of others"},
    {"EXPLAIN CREATE TABLE u(a)", "CREATE TABLE u: the schema changes"},
    {"DELETE FROM sqlite_master", "table sqlite_master may not be modified"},
  };
  for (const auto& [sql, named] : refusals) {
    const auto refused = run(select(sql));
    BOOST_TEST_CONTEXT(sql << ": " << (refused ? "" : refused.error().detail)) {
      BOOST_REQUIRE(!refused);
      BOOST_TEST(refused.error().code == errc::not_permitted);
      BOOST_TEST(refused.error().detail.starts_with(named), "wanted: " << named);
    }
  }
  for (const std::string sql : {"SELECT * FROM nowhere", "SELEC 1", "", "SELECT 1; SELECT 2", "SELECT \"text\""}) {
    BOOST_TEST_CONTEXT(sql) {
      BOOST_TEST(refusal(select(sql)) == errc::bad_sql);
    }
  }
  BOOST_TEST(refusal(select("SELECT ?1")) == errc::parameter_mismatch);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "3");
}

BOOST_AUTO_TEST_CASE(a_query_may_describe_the_schema) {
  for (const std::string sql :
       {"PRAGMA table_info(t)", "SELECT name FROM pragma_table_info('t')", "PRAGMA table_list", "PRAGMA database_list",
        "PRAGMA user_version", "PRAGMA page_size", "PRAGMA encoding", "PRAGMA compile_options", "PRAGMA foreign_keys",
        "SELECT user_version FROM pragma_user_version", "EXPLAIN INSERT INTO t VALUES (4, 'x')",
        "EXPLAIN DELETE FROM t", "EXPLAIN QUERY PLAN UPDATE t SET a = 1 WHERE id = 2", "SELECT * FROM millrace_meta",
        "SELECT sql FROM sqlite_schema", "EXPLAIN QUERY PLAN SELECT * FROM t", "VALUES (1)",
        "SELECT datetime('now', 'localtime')", "WITH x(a) AS (SELECT 1) SELECT a FROM x"}) {
    const auto found = run(select(sql));
    BOOST_TEST_CONTEXT(sql << ": " << (found ? "" : found.error().detail)) {
      BOOST_REQUIRE(found);
      BOOST_TEST(!found->empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_explained_is_not_done) {
  const auto before = rows("SELECT count(*) FROM t");
  BOOST_REQUIRE(run(select("EXPLAIN DELETE FROM t")));
  BOOST_TEST(rows("SELECT count(*) FROM t") == before);
}

BOOST_AUTO_TEST_CASE(full_text_search_works_on_a_reader) {
  schema("CREATE VIRTUAL TABLE words USING fts5(body)");
  apply({execute("INSERT INTO words VALUES ('solar kettle')")});
  auto found = run(select("SELECT body FROM words WHERE words MATCH 'kettle'"));
  BOOST_REQUIRE_MESSAGE(found, found.error().detail);
  BOOST_TEST(found->size() == 1u);
  apply({execute("INSERT INTO words VALUES ('electric kettle')")});
  found = run(select("SELECT body FROM words WHERE words MATCH 'kettle'"));
  BOOST_REQUIRE_MESSAGE(found, found.error().detail);
  BOOST_TEST(found->size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_query_past_its_deadline_is_interrupted_and_the_reader_goes_on) {
  const auto endless = select("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
  const auto interrupted = reader->run(endless, {.deadline = read_limits::clock::now() + 20ms});
  BOOST_REQUIRE(!interrupted);
  BOOST_TEST(interrupted.error().code == errc::deadline_exceeded);
  const auto late = reader->run(select("SELECT 1"), {.deadline = read_limits::clock::now() - 1ms});
  BOOST_REQUIRE(!late);
  BOOST_TEST(late.error().code == errc::deadline_exceeded);
  BOOST_TEST(refusal(select("SELECT 1")) == errc::none);
  BOOST_TEST(reader->applied_seq().value_or(0) == 1u);
}

BOOST_AUTO_TEST_CASE(a_snapshot_stays_and_without_it_the_newest_commit_shows) {
  const auto count = select("SELECT count(*) FROM t");
  BOOST_REQUIRE(reader->begin_snapshot());
  apply({execute("DELETE FROM t WHERE id = 1")});
  BOOST_TEST(first_cell(*run(count)).as_integer() == 3);
  BOOST_TEST(reader->applied_seq().value_or(0) == 1u);
  reader->end_snapshot();
  reader->end_snapshot();
  BOOST_TEST(first_cell(*run(count)).as_integer() == 2);
  BOOST_TEST(reader->applied_seq().value_or(0) == 2u);
}

BOOST_AUTO_TEST_CASE(a_cached_statement_follows_the_schema) {
  const auto all = select("SELECT * FROM t WHERE id = 1");
  BOOST_TEST(run(all)->columns().size() == 2u);
  schema("ALTER TABLE t ADD COLUMN b DEFAULT 5; ALTER TABLE t RENAME COLUMN a TO name");
  const auto after = run(all);
  BOOST_REQUIRE(after);
  BOOST_TEST(after->columns().size() == 3u);
  BOOST_TEST((*after)[0]["name"].as_text() == "one");
  BOOST_TEST((*after)[0]["b"].as_integer() == 5);
  schema("DROP TABLE t");
  BOOST_TEST(refusal(all) == errc::bad_sql);
}

BOOST_AUTO_TEST_CASE(more_statements_than_the_cache_holds_still_work) {
  auto small = sqlite::make_database(file, {}, {.cached_statements = 2, .cache_kib = 1'024})->open_reader();
  BOOST_REQUIRE(small);
  for (int round = 0; round < 3; ++round) {
    for (int number = 0; number < 5; ++number) {
      const auto one = (*small)->run(select("SELECT ?1 + " + std::to_string(number), 10), {});
      BOOST_REQUIRE(one);
      BOOST_TEST((*one)[0][0].as_integer() == 10 + number);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_query_past_its_lease_is_interrupted_only_while_the_log_starves) {
  const auto endless = select("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
  std::atomic<bool> starving = true;
  const auto now = read_limits::clock::now();
  const auto ended = reader->run(endless, {.lease_end = now + 10ms, .starving = &starving});
  BOOST_REQUIRE(!ended);
  BOOST_TEST(ended.error().code == errc::lease_expired);
  const auto unbegun = reader->run(select("SELECT 1"), {.lease_end = now, .starving = &starving});
  BOOST_REQUIRE(!unbegun);
  BOOST_TEST(unbegun.error().code == errc::lease_expired);

  starving = false;
  BOOST_TEST(reader->run(select("SELECT 1"), {.lease_end = now, .starving = &starving}).has_value());
  BOOST_TEST(reader->run(select("SELECT 1"), {.lease_end = now}).has_value());
  const auto late = reader->run(
    endless, {.deadline = read_limits::clock::now() + 20ms, .lease_end = now, .starving = &starving});
  BOOST_REQUIRE(!late);
  BOOST_TEST(late.error().code == errc::deadline_exceeded);
}

BOOST_AUTO_TEST_CASE(a_value_that_its_index_contradicts_is_found_and_named) {
  schema("CREATE INDEX t_by_a ON t(a)");
  const auto sound = reader->find_damage({});
  BOOST_REQUIRE(sound);
  BOOST_TEST(sound->empty());
  spoil("three");
  auto anew = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(anew);
  const auto found = (*anew)->find_damage({});
  BOOST_REQUIRE(found);
  BOOST_REQUIRE(!found->empty());
  BOOST_TEST(found->front().find("missing from index t_by_a") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_search_for_damage_ends_at_its_limits_in_the_midst_of_a_table) {
  std::atomic<bool> closing = true;
  BOOST_TEST((reader->find_damage({.closing = &closing}).error().code == errc::shutting_down));
  schema("CREATE TABLE large(a)");
  apply(
    {execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) "
             "INSERT INTO large SELECT i FROM n")});
  const auto ended = reader->find_damage({.deadline = read_limits::clock::now() + 5ms});
  BOOST_REQUIRE(!ended);
  BOOST_TEST((ended.error().code == errc::deadline_exceeded));
  BOOST_TEST(run(select("SELECT count(*) FROM t"))->size() == 1u);
  BOOST_TEST(reader->find_damage({})->empty());
}

BOOST_AUTO_TEST_CASE(limits_of_a_query_do_not_outlive_it) {
  for (int i = 0; i < 2'000; ++i) {
    BOOST_REQUIRE(!reader->run(select("SELECT 1"), {.deadline = read_limits::clock::now() - 1ms}));
    BOOST_REQUIRE(reader->begin_snapshot());
    reader->end_snapshot();
  }
}

BOOST_AUTO_TEST_CASE(rows_say_which_state_they_come_from) {
  const auto question = select("SELECT a FROM t WHERE id = 1");
  BOOST_TEST(run(question)->seq() == 1u);
  apply({execute("DELETE FROM t WHERE id = 1"), execute("DELETE FROM t WHERE id = 2")});
  BOOST_TEST(run(question)->seq() == 3u); // Also where there are none.
  BOOST_REQUIRE(reader->begin_snapshot());
  apply({execute("INSERT INTO t VALUES (1, 'again')")});
  BOOST_TEST(run(question)->seq() == 3u);
  BOOST_TEST(run(question)->empty());
  reader->end_snapshot();
  BOOST_TEST(run(question)->seq() == 4u);
  BOOST_TEST(run(question)->size() == 1u);
}

BOOST_AUTO_TEST_CASE(rows_and_their_seq_never_come_from_two_states) {
  const auto before = static_cast<std::int64_t>(writer->applied_seq());
  apply({execute("DELETE FROM t")});
  std::atomic<bool> done = false;
  std::thread other{[&] {
    for (int i = 0; i < 500; ++i) {
      apply({execute("INSERT INTO t(a) VALUES (?1)", i)}); // After `seq` there are `seq - before - 1` rows.
    }
    done = true;
  }};
  bool agree = true;
  while (!done) {
    const auto rows = run(select("SELECT count(*) FROM t"));
    const auto expected = static_cast<std::int64_t>(rows->seq()) - before - 1;
    agree = agree && (*rows)[0][0].as_integer() == expected;
  }
  other.join();
  BOOST_TEST(agree);
}

BOOST_AUTO_TEST_CASE(nothing_is_read_from_a_state_that_is_older_than_asked_for) {
  const auto question = select("SELECT count(*) FROM t");
  const auto early = reader->run(question, {.least_seq = 2});
  BOOST_REQUIRE(!early);
  BOOST_TEST(early.error().code == errc::unavailable);
  BOOST_REQUIRE(reader->begin_snapshot());
  apply({execute("DELETE FROM t")});
  BOOST_TEST(reader->run(question, {.least_seq = 2}).error().code == errc::unavailable);
  BOOST_TEST(reader->run(question, {.least_seq = 1}).has_value());
  reader->end_snapshot();
  BOOST_TEST(reader->run(question, {.least_seq = 2}).has_value());
}

BOOST_AUTO_TEST_CASE(a_query_leaves_no_snapshot_behind) {
  BOOST_REQUIRE(run(select("SELECT a FROM t")));
  BOOST_TEST(refusal(select("SELECT a FROM nowhere")) == errc::bad_sql);
  BOOST_TEST(refusal(select("SELECT abs(-9223372036854775808)")) != errc::none);
  apply({execute("DELETE FROM t")});
  BOOST_TEST(writer->checkpoint()->unmerged == 0u);
}

BOOST_AUTO_TEST_CASE(a_full_text_table_out_of_step_with_what_it_indexes_is_no_damage) {
  schema(
    "CREATE TABLE c(id INTEGER PRIMARY KEY, x); CREATE VIRTUAL TABLE f USING fts5(x, content='c', "
    "content_rowid='id')");
  BOOST_REQUIRE(apply_one(execute("INSERT INTO f(rowid, x) VALUES (5, 'word')")));
  const auto found = run(select("SELECT x FROM f WHERE f MATCH 'word'"));
  BOOST_REQUIRE(!found);
  BOOST_TEST(found.error().code == errc::out_of_step);
  BOOST_TEST(found.error().detail == "a virtual table (SQLite code 267)");
  BOOST_TEST(refusal(select("SELECT id FROM t")) == errc::none);
}

BOOST_AUTO_TEST_SUITE_END()
