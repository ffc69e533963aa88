#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/process/open_files.hpp>
#include <millrace/tests/support/process/painted_stack.hpp>
#include <millrace/tests/support/storage/nesting.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sqlite3.h>
#include <sys/resource.h>
#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;
using millrace::test::open_files;
using millrace::test::stack_used;
using millrace::test::usual_stack_bytes;
using namespace std::chrono_literals;

namespace {

struct budget_fixture : database_fixture {
  budget_fixture() { schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a)"); }

  std::unique_ptr<database_reader> open_reader(const sqlite_options& options = {}) {
    auto opened = sqlite::make_database(file, {}, options)->open_reader();
    BOOST_REQUIRE(opened);
    return std::move(*opened);
  }

  /// How the query failed; nothing where it did not.
  static failure refusal(database_reader& reader, const query& question,
                         std::chrono::milliseconds time = std::chrono::minutes{2}) {
    const auto rows = reader.run(question, {.deadline = std::chrono::steady_clock::now() + time});
    return rows ? failure{} : rows.error();
  }

  /// Why a piece of work is to be set aside; nothing where it is not.
  failure fault(work item) {
    const auto done = try_to_apply(next_batch({std::move(item)}));
    if (done) {
      return {};
    }
    BOOST_TEST(done.error().proven);
    BOOST_TEST((done.error().next == remedy::same_connection));
    return done.error().why;
  }
};

/// A query that sorts so many rows, and gives the first.
query sorted(std::int64_t rows) {
  auto question = select(
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT ?1) SELECT i FROM c ORDER BY i % 1000, i",
    rows);
  question.max_rows = 1;
  return question;
}

/// No file of this process grows beyond it, as on a disk that is full, while this lives.
class file_size_limit {
public:
  explicit file_size_limit(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;
  ~file_size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

private:
  rlimit before_{};
  void (*signal_)(int);
};

/// Six megabytes of SQLite's log.
transaction large() {
  return execute(
    "INSERT INTO t(a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) "
    "SELECT hex(zeroblob(1000)) FROM n");
}

/// 1,200 objects of a schema, each made of the one below.
std::string chain(const std::function<std::string(const std::string& below, const std::string& name)>& link) {
  std::string sql;
  for (int i = 1; i <= 1'200; ++i) {
    sql += link(std::to_string(i - 1), std::to_string(i)) + ";\n";
  }
  return sql;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_budget_suite, budget_fixture)

BOOST_AUTO_TEST_CASE(the_longest_query_that_nests_anything_leaves_a_quarter_of_the_stack) {
  const auto reader = open_reader();
  for (const auto& level : nestings()) {
    for (const auto depth : {std::size_t{1}, std::size_t{6}}) {
      const auto sql = nested_query({level}, depth, limits::sql_bytes_max);
      failure found;
      const auto used = stack_used([&] { found = refusal(*reader, select(sql), 1s); });
      BOOST_TEST_MESSAGE(level.before << " x" << depth << ": " << used / 1024 << " KiB, " << name(found.code) << " "
                                      << found.detail);
      BOOST_TEST(used < usual_stack_bytes * 3 / 4, level.before);
    }
  }
  BOOST_TEST(refusal(*reader, select(nested_query({nestings().at(1)}, 6, limits::sql_bytes_max))).code
             == errc::over_budget);
}

BOOST_AUTO_TEST_CASE(a_query_that_nests_as_people_nest_is_answered) {
  const auto reader = open_reader();
  for (const auto& level : nestings()) {
    const auto bytes = 12 * (level.before.size() + level.after.size() + 20);
    const auto found = refusal(*reader, select(nested_query({level}, 1, bytes)));
    BOOST_TEST((found.code == errc::none || found.code == errc::bad_sql), found.detail); // What it bounds itself.
  }
}

BOOST_AUTO_TEST_CASE(views_on_views_and_triggers_on_triggers_leave_a_quarter_of_the_stack) {
  schema("CREATE VIEW v0 AS SELECT 1 x;" + chain([](const auto& below, const auto& name) {
           return "CREATE VIEW v" + name + " AS SELECT x FROM v" + below + " UNION SELECT 1";
         }));
  schema("CREATE TABLE c0(x);" + chain([](const auto& below, const auto& name) {
           return "CREATE TABLE c" + name + "(x); CREATE TRIGGER g" + name + " AFTER INSERT ON c" + below
                  + " BEGIN INSERT INTO c" + name + " VALUES (new.x); END";
         }));
  constexpr std::size_t small_stack_bytes = 2 * 1024 * 1024;
  const auto reader = open_reader();
  failure found;
  const auto read = [&] { found = refusal(*reader, select("SELECT x FROM v1200")); };
  BOOST_TEST(stack_used(read, small_stack_bytes) < small_stack_bytes * 3 / 4);
  BOOST_TEST(found.code == errc::over_budget);
  const auto write = [&] { found = fault(execute("INSERT INTO c0 VALUES (1)")); };
  BOOST_TEST(stack_used(write, small_stack_bytes) < small_stack_bytes * 3 / 4);
  BOOST_TEST(found.detail.find("nested too deeply") != std::string::npos, found.detail);
  BOOST_TEST(refusal(*reader, select("SELECT x FROM v100")).detail == "");
}

BOOST_AUTO_TEST_CASE(a_row_larger_than_the_memory_of_a_query_is_refused_and_the_reader_goes_on) {
  const auto reader = open_reader();
  std::string columns = "hex(zeroblob(8000000))";
  for (int i = 1; i < 200; ++i) {
    columns += ",hex(zeroblob(8000000))";
  }
  sqlite3_memory_highwater(1);
  const auto found = refusal(*reader, select("SELECT " + columns));
  BOOST_TEST(found.code == errc::over_budget);
  BOOST_TEST(found.detail == "more than 256 MiB of memory");
  BOOST_TEST(sqlite3_memory_highwater(0) < 400 * 1024 * 1024);
  BOOST_TEST(refusal(*reader, select("SELECT 1")).detail == "");
}

BOOST_AUTO_TEST_CASE(a_query_that_doubles_while_it_is_compiled_is_refused) {
  const auto reader = open_reader();
  for (const std::string body : {"SELECT x FROM a# UNION ALL SELECT x FROM a#", "SELECT 1 FROM a# p, a# q"}) {
    std::string sql = "WITH a0(x) AS (SELECT 1)";
    for (int i = 1; i < 30; ++i) {
      sql += ", a" + std::to_string(i) + "(x) AS (" + body + ")";
      for (auto at = sql.find('#'); at != std::string::npos; at = sql.find('#')) {
        sql.replace(at, 1, std::to_string(i - 1));
      }
    }
    sqlite3_memory_highwater(1);
    const auto code = refusal(*reader, select(sql + " SELECT count(*) FROM a29"), 5s).code;
    BOOST_TEST((code == errc::over_budget || code == errc::deadline_exceeded), name(code));
    BOOST_TEST(sqlite3_memory_highwater(0) < 400 * 1024 * 1024);
  }
}

BOOST_AUTO_TEST_CASE(what_is_compiled_ends_with_the_deadline) {
  const auto reader = open_reader();
  std::string sql = "WITH a0(x) AS (SELECT 1)";
  for (int i = 1; i < 30; ++i) {
    const auto below = "a" + std::to_string(i - 1);
    sql += ", a" + std::to_string(i) + "(x) AS (SELECT x FROM " + below + " UNION ALL SELECT x FROM " + below + ")";
  }
  BOOST_TEST(refusal(*reader, select(sql + " SELECT count(*) FROM a29"), 50ms).code == errc::deadline_exceeded);
  BOOST_TEST(refusal(*reader, select("SELECT 1")).detail == "");
}

BOOST_AUTO_TEST_CASE(statements_that_are_kept_take_no_more_than_their_share) {
  const auto reader = open_reader();
  std::string terms = "SELECT 1";
  for (int i = 0; i < 400; ++i) {
    terms += " UNION ALL SELECT max(id) FROM t WHERE a = " + std::to_string(i);
  }
  sqlite3_memory_highwater(1);
  for (int i = 0; i < 250; ++i) {
    BOOST_REQUIRE(refusal(*reader, select(terms + " --" + std::to_string(i))).detail == "");
  }
  BOOST_TEST(sqlite3_memory_used() < 48 * 1024 * 1024);
}

BOOST_AUTO_TEST_CASE(a_transaction_that_takes_more_memory_than_it_may_is_its_own_fault) {
  const auto found = fault(
    execute("INSERT INTO t(a) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
            "FROM c LIMIT 2000) SELECT hex(zeroblob(100000)) FROM c ORDER BY random()"));
  BOOST_TEST(found.code == errc::over_budget);
  BOOST_TEST(found.detail.find("more than 256 MiB of memory") != std::string::npos, found.detail);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "0");
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO t(a) VALUES (1)"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(the_rows_of_all_statements_of_a_transaction_are_bounded_together) {
  auto large = execute("SELECT zeroblob(8000000), zeroblob(8000000), zeroblob(8000000), zeroblob(8000000)");
  large.add("SELECT zeroblob(8000000), zeroblob(8000000), zeroblob(8000000)");
  BOOST_TEST(code_of(apply_one(large)) == errc::none);
  large.add("SELECT zeroblob(8000000), zeroblob(8000000)");
  BOOST_TEST(code_of(apply_one(large)) == errc::too_large);
}

BOOST_AUTO_TEST_CASE(a_sort_takes_no_more_temporary_files_than_it_may) {
  const auto reader = open_reader({.temporary_kib = 16 * 1024});
  const auto found = refusal(*reader, sorted(2'000'000));
  BOOST_TEST(found.code == errc::over_budget);
  BOOST_TEST(found.detail == "more than 16 MiB of temporary files");
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(refusal(*reader, sorted(400'000)).detail == "");
  }
  BOOST_TEST(refusal(*open_reader(), sorted(2'000'000)).detail == "");
}

BOOST_AUTO_TEST_CASE(a_sort_has_its_temporary_files_in_the_data_folder) {
  const auto place = folder.path() / "tmp";
  BOOST_TEST(open_files(place) == 0u);
  const auto reader = open_reader();
  {
    auto rows = reader->start(sorted(1'000'000), {}).value();
    BOOST_REQUIRE(rows->next(1, {}));
    BOOST_TEST(open_files(place) > 0u);
    BOOST_TEST((std::filesystem::status(place).permissions() == std::filesystem::perms::owner_all));
  }
  BOOST_TEST(open_files(place) == 0u);
  BOOST_TEST(std::filesystem::is_empty(place)); // They have no name once they are open.
}

/// A file in the place of the folder shows who makes temporary files there.
BOOST_AUTO_TEST_CASE(scripts_sort_in_the_data_folder_in_files_as_large_as_they_must_be_and_transactions_in_memory) {
  close();
  const auto small = sqlite::make_database(file, {},
                                           {.cache_kib = 1'024, .temporary_kib = 1'024, .temporary_total_kib = 1'024});
  writer = small->open_writer().value();
  schema("CREATE TABLE u(a); ALTER TABLE u RENAME TO v"); // From then on SQLite keeps temporary tables open.
  const auto place = folder.path() / "tmp";
  std::ofstream{place} << "in the way";
  apply(
    {execute("INSERT INTO v WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 200000) "
             "SELECT 'some text ' || (i * 7919) % 200003 FROM c")});
  const auto sort = execute("INSERT INTO t(a) SELECT a FROM v ORDER BY a");
  apply({sort});
  const auto next = next_batch({schema_script{"index", "CREATE INDEX i ON v(a)"}});
  const auto refused = try_to_apply(next);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().why.code == errc::io_error, refused.error().why.detail);
  apply({sort});
  std::filesystem::remove(place);
  BOOST_TEST(try_to_apply(next_batch({schema_script{"index", "CREATE INDEX i ON v(a)"}})).has_value());
  BOOST_TEST(std::filesystem::is_directory(place));
  std::filesystem::remove(place);
  std::ofstream{place} << "in the way";
  apply({sort});
}

BOOST_AUTO_TEST_CASE(temporary_files_that_cannot_be_made_fail_the_queries_that_need_them_and_the_folder_is_named) {
  const auto place = folder.path() / "tmp";
  std::ofstream{place} << "in the way";
  const auto reader = open_reader();
  const auto found = refusal(*reader, sorted(1'000'000));
  BOOST_TEST(found.code == errc::unavailable); // No fault of the connection, or of the database.
  BOOST_TEST(found.detail == "temporary files in " + place.string() + ": Not a directory");
  BOOST_TEST(refusal(*reader, select("SELECT 1")).detail == "");
  std::filesystem::remove(place);
  BOOST_TEST(refusal(*reader, sorted(1'000'000)).detail == "");
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_full_of_temporary_files_is_told_as_that) {
  const auto reader = open_reader();
  {
    const file_size_limit full{2'000'000};
    const auto found = refusal(*reader, sorted(1'000'000));
    BOOST_TEST(found.code == errc::disk_full);
    BOOST_TEST(found.detail == "temporary files in " + (folder.path() / "tmp").string() + ": File too large");
    BOOST_TEST(found.retry_after.count() > 0);
    BOOST_TEST(refusal(*reader, select("SELECT 1")).detail == "");
  }
  BOOST_TEST(refusal(*reader, sorted(1'000'000)).detail == "");
}

BOOST_AUTO_TEST_CASE(sorts_that_run_together_take_no_more_temporary_files_than_all_may) {
  const auto database = sqlite::make_database(file, {}, {.temporary_total_kib = 24 * 1024});
  const auto one = database->open_reader().value();
  const auto other = database->open_reader().value();
  {
    auto rows = one->start(sorted(1'500'000), {}).value();
    BOOST_REQUIRE(rows->next(1, {}));
    const auto found = refusal(*other, sorted(1'500'000));
    BOOST_TEST(found.code == errc::overloaded);
    BOOST_TEST(found.detail.find("all that runs has 24 MiB of temporary files together") == 0u, found.detail);
    BOOST_TEST(rows->next(1, {}).has_value());
    BOOST_TEST(refusal(*other, select("SELECT 1")).detail == "");
  }
  for (int i = 0; i < 3; ++i) { // What one took is given back, refused or not.
    BOOST_TEST(refusal(*other, sorted(1'500'000)).detail == "");
  }
}

struct sorting_fixture : budget_fixture {
  const std::filesystem::path place = folder.path() / "tmp";
  std::unique_ptr<database> whole;

  sorting_fixture() {
    close();
    whole = sqlite::make_database(file, {}, {.cache_kib = 400});
    writer = whole->open_writer().value();
  }

  /// Whether a sort is refused though there is room on the disk.
  bool is_withheld() const {
    const auto found = refusal(*whole->open_reader().value(), sorted(1'000'000));
    return found.code == errc::disk_full
           && found.detail == "temporary files in " + place.string() + ": No space left on device";
  }
};

BOOST_FIXTURE_TEST_CASE(a_disk_that_is_full_while_queries_sort_accuses_nothing_and_they_give_their_room_back,
                        sorting_fixture) {
  const auto reader = whole->open_reader().value();
  auto sort = reader->start(sorted(1'000'000), {}).value();
  BOOST_REQUIRE(sort->next(1, {}));
  {
    const file_size_limit full{2'000'000};
    for (int i = 0; i < 2; ++i) {
      const auto refused = try_to_apply(next_batch({large()}));
      BOOST_REQUIRE(!refused);
      BOOST_TEST(refused.error().why.code == errc::disk_full, refused.error().why.detail);
      BOOST_TEST((refused.error().next == remedy::same_connection));
      BOOST_TEST(refused.error().suspects == 0u);
    }
    const auto page = sort->next(1, {});
    BOOST_REQUIRE(!page);
    BOOST_TEST(page.error().code == errc::disk_full);
    BOOST_TEST(page.error().retry_after.count() > 0);
    sort.reset();
    BOOST_TEST(open_files(place) == 0u);
    const auto refused = try_to_apply(next_batch({large()}));
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().suspects == 1u); // Nothing else was in its way.
  }
  BOOST_TEST(is_withheld());
  BOOST_TEST(refusal(*reader, select("SELECT 1")).detail == "");
  apply({large()});
  BOOST_TEST(!is_withheld());
  BOOST_TEST(!writer->take_foreign_commit());
}

BOOST_FIXTURE_TEST_CASE(a_query_that_has_sorted_and_still_runs_gives_its_room_back, sorting_fixture) {
  struct : requester {
    bool gone() const noexcept override { return ++looks < 0; }
    mutable std::atomic<int> looks{0};
  } asker;
  const auto reader = whole->open_reader().value();
  auto rows = reader
                ->start(select("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 1000000) "
                               "SELECT s.i FROM (SELECT i FROM c ORDER BY i % 1000, i LIMIT -1 OFFSET 1) s "
                               "CROSS JOIN (SELECT i FROM c LIMIT 100000) r"),
                        {})
                .value();
  BOOST_REQUIRE(rows->next(1, {})); // From here on no file grows.
  result<> skipped;
  std::thread reading{[&] {
    skipped = rows->skip(1'000'000'000'000, {.deadline = std::chrono::steady_clock::now() + 1min, .asked_by = &asker});
  }};
  while (asker.looks < 3) {
    std::this_thread::yield();
  }
  {
    const file_size_limit full{2'000'000};
    const auto refused = try_to_apply(next_batch({large()}));
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().suspects == 0u);
  }
  reading.join();
  BOOST_REQUIRE(!skipped);
  BOOST_TEST(skipped.error().code == errc::disk_full, skipped.error().detail);
  rows.reset();
  BOOST_TEST(open_files(place) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
