#include <millrace/tests/support/disks/vfs_shim.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include <sqlite3.h>
#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;
using namespace std::chrono_literals;

namespace {

struct attempt_fixture : database_fixture {
  attempt_fixture() { schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)"); }

  static transaction insert(int number) { return execute("INSERT INTO t(a) VALUES (?1)", number); }
  static transaction insert_or_rollback(int number) {
    return execute("INSERT OR ROLLBACK INTO t(a) VALUES (?1)", number);
  }

  /// What stands before `seq` is applied without it; the next call begins with it.
  void check_tried_alone(const batch_ptr& next, std::uint64_t seq) {
    BOOST_REQUIRE(try_to_apply(next));
    BOOST_REQUIRE_EQUAL(writer->applied_seq(), seq - 1);
  }
  /// It alone is suspected, and once it is skipped the others are applied on the same connection.
  void check_set_aside(const std::shared_ptr<batch>& next, std::uint64_t seq, const trouble& met,
                       errc why = errc::quarantined) {
    BOOST_TEST(met.suspects == 1u);
    BOOST_TEST(mark.now.ended);
    next->skipped = {{seq, why, 1}};
    const auto done = try_to_apply(next);
    BOOST_REQUIRE(done);
    BOOST_TEST(code_of(done->at(0)) == why);
    BOOST_TEST(writer->applied_seq() == next->last_seq());
  }

  void check_tried(const std::vector<std::uint64_t>& expected) {
    BOOST_TEST(mark.now.at == expected, boost::test_tools::per_element());
  }
};

/// Gives the table `words` as many segments as FTS5 takes: each commit that adds a word makes one.
void fill_words(const std::filesystem::path& file) {
  plain_connection other{file};
  other.execute(
    "PRAGMA synchronous = OFF; INSERT INTO words(words, rank) VALUES ('automerge', 0);"
    "INSERT INTO words(words, rank) VALUES ('crisismerge', 2000)");
  while (other.try_execute("INSERT INTO words VALUES ('word')")) {}
}

/// Takes 4 MB of SQLite's log.
struct small_disk final : millrace::test::vfs_observer {
  int before(const millrace::test::vfs_operation& asked) override {
    const bool grows = asked.what == millrace::test::vfs_operation::kind::write && asked.path.ends_with("-wal");
    if (grows && asked.offset > 4'000'000) {
      errno = ENOSPC;
      return SQLITE_FULL;
    }
    return SQLITE_OK;
  }
};

const auto growing =
  "INSERT INTO t(a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000) "
  "SELECT i || hex(zeroblob(1000)) FROM n";
const auto endless =
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t(a) SELECT count(*) FROM n";

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_attempt_suite, attempt_fixture)

BOOST_AUTO_TEST_CASE(the_mark_tells_what_is_tried_and_that_the_call_returned) {
  apply({insert(1), insert(2), stretch_end{}});
  BOOST_TEST(mark.now.first == 2u);
  BOOST_TEST(mark.now.last == 4u);
  check_tried({2, 3, 4, 0});
  BOOST_TEST(mark.now.ended);

  plain_connection other{file};
  other.execute("BEGIN IMMEDIATE");
  BOOST_REQUIRE(!try_to_apply(next_batch({insert(3)})));
  BOOST_TEST(mark.now.first == 5u);
  BOOST_TEST(mark.now.ended);
}

BOOST_AUTO_TEST_CASE(what_is_applied_already_is_passed_over) {
  const auto first = next_batch({insert(1), insert(2)});
  const auto second = next_batch({insert(3), insert(4)});
  second->first_seq += 2;
  const auto third = next_batch({insert(5)});
  third->first_seq += 4;
  const batch_ptr all[] = {first, second, third};
  BOOST_REQUIRE(writer->apply(std::span{all}.first(1), mark, {}));
  const auto rest = writer->apply(all, mark, {});
  BOOST_REQUIRE(rest);
  BOOST_REQUIRE(rest->size() == 3u);
  BOOST_TEST((*rest)[0]->seq == 4u);
  BOOST_TEST((*rest)[2]->seq == 6u);
  check_tried({4, 5, 6, 0});

  const auto nothing = writer->apply(all, mark, {});
  BOOST_REQUIRE(nothing);
  BOOST_TEST(nothing->empty());
  BOOST_TEST(rows("SELECT a FROM t ORDER BY id") == "1\n2\n3\n4\n5");
}

BOOST_AUTO_TEST_CASE(a_call_may_begin_in_the_middle_of_a_batch) {
  const auto whole = next_batch({insert(1), insert(2), insert(3)});
  whole->skipped = {{2, errc::deadline_exceeded, 0}, {3, errc::deadline_exceeded, 0}};
  const auto part = next_batch({insert(1)});
  part->skipped = {{2, errc::deadline_exceeded, 0}};
  BOOST_REQUIRE(try_to_apply(part));
  const auto rest = try_to_apply(whole);
  BOOST_REQUIRE(rest);
  BOOST_REQUIRE(rest->size() == 2u);
  BOOST_TEST(code_of((*rest)[0]) == errc::deadline_exceeded);
  BOOST_TEST((*rest)[1]->seq == 4u);
  BOOST_TEST(rows("SELECT a FROM t") == "3");
}

BOOST_AUTO_TEST_CASE(work_that_ends_the_transaction_ends_the_call_before_it_and_then_fails_alone) {
  const batch_ptr next = next_batch({insert(1), insert_or_rollback(1), insert(2), insert(3), insert_or_rollback(3)});
  auto answers = try_to_apply(next);
  BOOST_REQUIRE(answers);
  BOOST_TEST(answers->size() == 1u);
  BOOST_TEST(code_of((*answers)[0]) == errc::none);
  check_tried({2, 3, 2, 0});

  answers = try_to_apply(next);
  BOOST_REQUIRE(answers);
  BOOST_TEST(answers->size() == 1u);
  BOOST_TEST(code_of((*answers)[0]) == errc::constraint);
  check_tried({3, 0});
  BOOST_TEST(rows("SELECT applied_seq FROM millrace_meta") == "3");

  answers = try_to_apply(next);
  BOOST_REQUIRE(answers);
  BOOST_TEST(answers->size() == 2u);
  check_tried({4, 5, 6, 4, 5, 0});

  answers = try_to_apply(next);
  BOOST_REQUIRE(answers);
  BOOST_TEST(code_of(answers->at(0)) == errc::constraint);
  BOOST_TEST(rows("SELECT id, a FROM t") == "1|1\n2|2\n3|3");
  BOOST_TEST(writer->applied_seq() == 6u);
}

BOOST_AUTO_TEST_CASE(a_statement_that_saw_a_schema_that_was_rolled_back_is_compiled_anew) {
  schema(
    "CREATE TABLE seen(c); CREATE TABLE many(a);"
    "CREATE TRIGGER r BEFORE INSERT ON many BEGIN INSERT INTO seen VALUES (changes()); END");
  const auto insert_many = execute("INSERT INTO many VALUES (1), (2), (3)");
  const std::vector<work> items{insert(1), insert_many, schema_script{"drop", "DROP TRIGGER r"}, insert_many,
                                insert_or_rollback(1)};
  apply(items);
  const auto together = rows("SELECT c FROM seen");
  database_fixture other;
  other.schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)");
  other.schema(
    "CREATE TABLE seen(c); CREATE TABLE many(a);"
    "CREATE TRIGGER r BEFORE INSERT ON many BEGIN INSERT INTO seen VALUES (changes()); END");
  for (const auto& item : items) {
    other.apply_one(item);
  }
  BOOST_TEST(together == other.rows("SELECT c FROM seen"));
}

BOOST_AUTO_TEST_CASE(work_that_computes_for_too_long_is_tried_alone_and_is_at_fault_then) {
  open({.transaction_time_max = 1ms});
  const auto next = next_batch({insert(1), execute(endless), insert(2)});
  check_tried_alone(next, 3);
  const auto interrupted = try_to_apply(next);
  BOOST_REQUIRE(!interrupted);
  BOOST_TEST(interrupted.error().why.code == errc::deadline_exceeded);
  BOOST_TEST(interrupted.error().proven);
  check_set_aside(next, 3, interrupted.error());
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
}

BOOST_AUTO_TEST_CASE(many_statements_that_are_each_too_short_to_be_interrupted_are_one_that_runs_too_long) {
  open({.transaction_time_max = 5ms});
  transaction many;
  for (int i = 0; i < 1'000; ++i) { // Each with a text of its own.
    many.add("WITH RECURSIVE n(i) AS (SELECT " + std::to_string(i)
             + " UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT count(*) FROM n");
  }
  const auto interrupted = try_to_apply(next_batch({many}));
  BOOST_REQUIRE(!interrupted);
  BOOST_TEST(interrupted.error().proven);
}

BOOST_AUTO_TEST_CASE(work_with_a_deadline_of_its_own_computes_no_longer_than_that) {
  open({.transaction_time_max = 10min});
  auto impatient = execute(endless);
  impatient.deadline = 5ms;
  const auto interrupted = try_to_apply(next_batch({impatient}), {.deadline = std::chrono::steady_clock::now() + 20s});
  BOOST_REQUIRE(!interrupted);
  BOOST_TEST(interrupted.error().proven);
}

BOOST_AUTO_TEST_CASE(work_that_changes_too_many_pages_is_tried_alone_and_is_too_large) {
  close();
  const auto small = sqlite::make_database(file, {.transaction_pages_max = 500}, {.cache_kib = 400});
  writer = small->open_writer().value();
  const auto grow = execute(
    "INSERT INTO t(a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) "
    "SELECT i || hex(zeroblob(1000)) FROM n");
  const auto next = next_batch({insert(1), grow, insert(2)});
  check_tried_alone(next, 3);
  const auto refused = try_to_apply(next);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().why.code == errc::too_large);
  BOOST_TEST(refused.error().why.detail.find("500 pages") != std::string::npos, refused.error().why.detail);
  BOOST_TEST(refused.error().proven);
  check_set_aside(next, 3, refused.error(), errc::too_large);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
  BOOST_TEST(writer->quarantined() == 0u);
  apply({schema_script{"all of it",
                       "INSERT INTO t(a) WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n "
                       "LIMIT 3000) SELECT i || hex(zeroblob(1000)) FROM n"}});
}

BOOST_AUTO_TEST_CASE(work_that_meets_a_lack_of_memory_is_told_of_that_and_applied_once_there_is_some) {
  const auto reader = sqlite::make_database(file)->open_reader().value();
  const auto next = next_batch({execute("INSERT INTO t(a) SELECT length(hex(zeroblob(8000000)))")});
  const auto without_memory = [](auto work) {
    sqlite3_hard_heap_limit64(sqlite3_memory_used() + 4'000'000);
    auto done = work();
    sqlite3_hard_heap_limit64(0);
    return done;
  };
  const auto rows_read = without_memory([&] { return reader->run(select("SELECT hex(zeroblob(8000000))"), {}); });
  BOOST_REQUIRE(!rows_read);
  BOOST_TEST(rows_read.error().code == errc::out_of_memory);
  const auto met = without_memory([&] { return try_to_apply(next); });
  BOOST_REQUIRE(!met);
  BOOST_TEST(met.error().why.code == errc::out_of_memory);
  BOOST_TEST((met.error().next == remedy::same_connection));
  BOOST_TEST(!met.error().proven);
  BOOST_TEST(try_to_apply(next).has_value());
  BOOST_TEST(rows("SELECT a FROM t") == "16000000");
}

/// SQLite says of the first that the database is damaged, and of the other that the disk is full. The first is known to
/// be at fault itself, since no other table can be.
BOOST_AUTO_TEST_CASE(work_that_is_refused_as_if_the_machine_were_at_fault_is_suspected_once_it_is_alone) {
  schema(
    "CREATE VIRTUAL TABLE words USING fts5(body, content=''); CREATE VIRTUAL TABLE flood USING fts5(body);"
    "INSERT INTO flood(flood, rank) VALUES ('automerge', 0), ('crisismerge', 2000)");
  for (const auto& poison : {execute("INSERT INTO words(words, rowid, body) VALUES ('delete', 1, 'hello')"),
                             execute("INSERT INTO flood(rowid, body) WITH RECURSIVE c(i) AS (SELECT 5000 UNION ALL "
                                     "SELECT i - 1 FROM c WHERE i > 1) SELECT i, 'word' FROM c")}) {
    const auto seq = writer->applied_seq() + 2;
    const auto next = next_batch({execute("INSERT INTO t(id, a) VALUES (?1, ?1)", seq), poison});
    check_tried_alone(next, seq);
    const auto refused = try_to_apply(next);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().why.detail.find("seq " + std::to_string(seq)) != std::string::npos);
    BOOST_TEST(refused.error().proven == (refused.error().why.code == errc::out_of_step));
    if (refused.error().next == remedy::reopen) {
      open();
    }
    BOOST_TEST(writer->probe(10'000).has_value());
    check_set_aside(next, seq, refused.error());
  }
}

/// SQLite's full-text module writes its index at the commit, and merges parts of it then, which here are gone.
BOOST_AUTO_TEST_CASE(work_whose_own_fault_shows_only_at_the_commit_is_suspected_there) {
  schema("CREATE VIRTUAL TABLE words USING fts5(body)");
  plain_connection other{file};
  other.execute("INSERT INTO words(words, rank) VALUES ('automerge', 0)");
  other.execute("INSERT INTO words(words, rank) VALUES ('crisismerge', 3)");
  other.execute("INSERT INTO words VALUES ('one')");
  other.execute("INSERT INTO words VALUES ('two')");
  other.execute("DELETE FROM words_data WHERE id > 10");
  const auto met = try_to_apply(next_batch({execute("INSERT INTO words VALUES ('three')"), insert(1)}));
  BOOST_REQUIRE(!met);
  BOOST_TEST(met.error().why.detail.find("the commit of seq") != std::string::npos, met.error().why.detail);
  BOOST_TEST(met.error().suspects == 2u);
  BOOST_TEST(!met.error().proven);
}

BOOST_AUTO_TEST_CASE(work_that_asks_for_more_room_than_there_is_is_suspected_alone_and_nobody_else_changed_anything) {
  small_disk disk;
  close();
  const millrace::test::vfs_shim shim{disk};
  writer = sqlite::make_database(file, {}, {.cache_kib = 400})->open_writer().value();
  const auto next = next_batch({insert(1), execute(growing), insert(2)});
  check_tried_alone(next, 3);
  const auto refused = try_to_apply(next);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().why.code == errc::disk_full, refused.error().why.detail);
  BOOST_TEST(!refused.error().proven);
  BOOST_TEST(writer->probe(1'000'000).has_value());
  check_set_aside(next, 3, refused.error());
  BOOST_TEST(!writer->take_foreign_commit());
  BOOST_TEST(!writer->probe(9'000'000).has_value());
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
  close();
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_known_as_that_though_a_table_has_no_row_id_left) {
  schema(
    "CREATE TABLE used(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE); INSERT INTO used VALUES (1, 1);"
    "INSERT OR IGNORE INTO used VALUES (9223372036854775807, 1)");
  small_disk disk;
  close();
  const millrace::test::vfs_shim shim{disk};
  writer = sqlite::make_database(file, {}, {.cache_kib = 400})->open_writer().value();
  const auto refused = try_to_apply(next_batch({execute(growing)}));
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().why.code == errc::disk_full, refused.error().why.detail);
  close();
}

BOOST_AUTO_TEST_CASE(a_commit_for_which_the_disk_is_full_accuses_nothing_while_a_query_has_temporary_files) {
  small_disk disk;
  close();
  const millrace::test::vfs_shim shim{disk};
  const auto whole = sqlite::make_database(file);
  const auto reader = whole->open_reader().value();
  const auto sorted = select(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT i FROM n ORDER BY i % 1000");
  auto sort = reader->start(sorted, {}).value();
  BOOST_REQUIRE(sort->next(1, {}));
  for (const auto suspects : {0u, 1u}) {
    writer = whole->open_writer().value();
    const auto refused = try_to_apply(next_batch({execute(growing)}));
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().why.code == errc::outcome_unknown);
    BOOST_TEST((refused.error().next == remedy::reopen));
    BOOST_TEST(refused.error().suspects == suspects);
    sort.reset();
  }
  close();
}

/// The commit fails, so it is not known by which of them.
BOOST_AUTO_TEST_CASE(work_that_a_commit_refuses_is_suspected_with_all_that_was_committed_with_it) {
  schema("CREATE VIRTUAL TABLE words USING fts5(body)");
  close();
  fill_words(file);
  open();
  const auto next = next_batch({insert(1), execute("INSERT INTO words VALUES ('one more')"), insert(2)});
  const auto together = try_to_apply(next);
  BOOST_REQUIRE(!together);
  BOOST_TEST(together.error().why.code == errc::outcome_unknown);
  BOOST_TEST((together.error().next == remedy::reopen));
  BOOST_TEST(together.error().suspects == 3u);
  BOOST_TEST(mark.now.ended);
  open();
  BOOST_TEST(writer->probe(10'000).has_value());
  BOOST_TEST(rows("SELECT count(*) FROM millrace_quarantine") == "0");
  next->skipped = {{next->first_seq + 1, errc::quarantined, 3}};
  BOOST_REQUIRE(try_to_apply(next));
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
  BOOST_TEST(writer->quarantined() == 1u);
}

BOOST_AUTO_TEST_CASE(a_statement_that_is_in_its_own_way_fails_like_any_other) {
  schema("CREATE VIRTUAL TABLE place USING rtree(id, low, high); INSERT INTO place VALUES (1, 1, 2)");
  const auto answers = apply({execute("DELETE FROM place WHERE id IN (SELECT id FROM place WHERE low >= 0 LIMIT 1)"),
                              execute("INSERT INTO place VALUES (2, 3, 4)")});
  BOOST_TEST(code_of(answers.at(0)) == errc::bad_sql);
  BOOST_TEST(code_of(answers.at(1)) == errc::none);
}

BOOST_AUTO_TEST_CASE(no_group_survives_being_interrupted) {
  auto guarded = insert(1);
  guarded.in_group(on_error::continue_after, [](transaction& group) { group.add(endless); });
  open({.transaction_time_max = 1ms});
  const auto interrupted = try_to_apply(next_batch({guarded}));
  BOOST_REQUIRE(!interrupted);
  BOOST_TEST(interrupted.error().proven);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "0");
}

BOOST_AUTO_TEST_CASE(a_script_may_take_any_time) {
  open({.transaction_time_max = 1ms});
  const auto done = apply({schema_script{"long",
                                         "INSERT INTO t(a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + "
                                         "1 FROM n WHERE i < 300000) SELECT i FROM n"}});
  BOOST_TEST(code_of(done.at(0)) == errc::none);
}

BOOST_AUTO_TEST_CASE(many_short_pieces_of_work_are_not_taken_for_a_long_one) {
  const auto all_applied = [this] {
    open({.transaction_time_max = 1500ms});
    const auto short_one = execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT count(*) FROM n");
    const auto answers = try_to_apply(next_batch(std::vector<work>(600, short_one)));
    return answers && std::ranges::all_of(*answers, [](const answer& one) { return code_of(one) == errc::none; });
  };
  // Where the machine itself stands still for so long, any piece is a long one; it does not do so again and again.
  BOOST_TEST((all_applied() || all_applied() || all_applied()));
}

BOOST_AUTO_TEST_CASE(a_call_past_its_deadline_commits_what_it_has_and_leaves_the_rest_to_the_next) {
  const auto first = next_batch({insert(1), insert(2)});
  const auto second = next_batch({insert(3)});
  second->first_seq += 2;
  const batch_ptr both[] = {first, second};
  const auto some = writer->apply(both, mark, {.deadline = moment::min()});
  BOOST_REQUIRE(some);
  BOOST_TEST(some->size() == 2u);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
  BOOST_TEST(apply_all(both).size() == 1u);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2\n3");
}

BOOST_AUTO_TEST_CASE(a_call_tells_what_its_work_took_and_begins_none_after_a_second) {
  const auto slow = execute(
    "INSERT INTO t(a) SELECT count(*) + (SELECT count(*) FROM t) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
    "SELECT i + 1 FROM n LIMIT "
    "700000) SELECT i FROM n)");
  const auto next = next_batch(std::vector<work>(100, slow));
  const batch_ptr only[] = {next};
  const auto some = writer->apply(only, mark, {});
  BOOST_REQUIRE(some);
  BOOST_TEST(!some->empty());
  BOOST_TEST(some->size() < 100u);
  const auto times = writer->take_times();
  std::chrono::nanoseconds all{0};
  for (const auto& one : times) {
    BOOST_TEST(one.seq <= writer->applied_seq());
    all += one.took;
  }
  BOOST_TEST((all > 0s));
  BOOST_TEST(writer->take_times().empty());
  const auto more = writer->apply(only, mark, {});
  BOOST_REQUIRE(more);
  BOOST_TEST(rows("SELECT count(*) FROM t") == std::to_string(some->size() + more->size()));
}

BOOST_AUTO_TEST_CASE(work_that_runs_past_the_deadline_of_its_call_is_tried_again_and_never_answered_with_that) {
  const auto next = next_batch({insert(1), execute(endless), insert(2)});
  const auto soon = [] { return write_limits{.deadline = std::chrono::steady_clock::now() + 20ms}; };
  const auto some = try_to_apply(next, soon());
  BOOST_REQUIRE(some);
  BOOST_TEST(some->size() == 1u);
  BOOST_TEST(rows("SELECT a FROM t") == "1");
  for (int i = 0; i < 2; ++i) {
    const auto none = try_to_apply(next, soon());
    BOOST_REQUIRE(!none);
    BOOST_TEST(none.error().why.code == errc::deadline_exceeded);
    BOOST_TEST((none.error().next == remedy::same_connection));
    BOOST_TEST(none.error().suspects == 0u); // It is nobody's fault.
  }
  next->skipped = {{3, errc::quarantined, 3}};
  BOOST_REQUIRE(try_to_apply(next));
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
}

BOOST_AUTO_TEST_CASE(what_is_called_off_is_undone_with_all_of_its_call_and_accuses_nobody) {
  std::atomic<bool> wish{true};
  const auto next = next_batch({insert(1), execute(endless), insert(2)});
  for (const auto& limits : {write_limits{.called_off = &wish}, write_limits{.closing = &wish}}) {
    const auto none = try_to_apply(next, limits);
    BOOST_REQUIRE(!none);
    BOOST_TEST((none.error().next == remedy::none));
    BOOST_TEST(none.error().suspects == 0u);
    BOOST_TEST(mark.now.ended);
    BOOST_TEST(rows("SELECT count(*) FROM t") == "0");
  }
  wish = false;
  next->skipped = {{3, errc::quarantined, 0}};
  BOOST_REQUIRE(try_to_apply(next, {.called_off = &wish}));
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
  BOOST_TEST(!writer->take_foreign_commit());
}

BOOST_AUTO_TEST_CASE(a_script_that_may_take_any_time_is_called_off_and_applied_later) {
  std::atomic<bool> wish{true};
  const auto next = next_batch({schema_script{
    "long",
    "CREATE TABLE u(a); INSERT INTO u WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
    "100000) SELECT i FROM n"}});
  const auto none = try_to_apply(next, {.called_off = &wish});
  BOOST_REQUIRE(!none);
  BOOST_TEST((none.error().next == remedy::none));
  wish = false;
  BOOST_REQUIRE(try_to_apply(next, {.called_off = &wish}));
  BOOST_TEST(rows("SELECT count(*) FROM u") == "100000");
}

BOOST_AUTO_TEST_SUITE_END()
