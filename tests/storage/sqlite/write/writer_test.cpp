#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/disks/vfs_shim.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

/// Says when work is begun.
class begun_mark final : public attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override { begun.set_value(); }
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override { ended = true; }

  std::promise<void> begun;
  std::atomic<bool> ended = false;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_writer_suite, database_fixture)

BOOST_AUTO_TEST_CASE(results_tell_rows_changed_and_row_ids) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)");
  const auto done = apply_one(execute("INSERT INTO t(a) VALUES (?1), (?2)", "one", "two")
                                .add("UPDATE t SET a = a || '!'")
                                .add("SELECT id, a FROM t ORDER BY id")
                                .add("DELETE FROM t WHERE id = :id", named{":id", 1}));
  BOOST_REQUIRE_MESSAGE(done, detail_of(done));
  BOOST_TEST(done->seq == 2u);
  BOOST_REQUIRE(done->results.size() == 4u);
  BOOST_TEST(done->results[0].rows_changed == 2);
  BOOST_TEST(done->results[0].last_row_id == 2);
  BOOST_TEST(done->results[1].rows_changed == 2);
  BOOST_TEST(done->results[1].last_row_id == 0);
  BOOST_TEST(done->results[2].rows_changed == 0);
  BOOST_REQUIRE(done->results[2].rows.size() == 2u);
  BOOST_TEST(done->results[2].rows[1]["a"].as_text() == "two!");
  BOOST_TEST(done->results[3].rows_changed == 1);
  BOOST_TEST(rows("SELECT * FROM t") == "2|two!");
  BOOST_TEST(rows("SELECT applied_seq FROM millrace_meta") == "2");
}

BOOST_AUTO_TEST_CASE(with_what_is_applied_stands_which_frame_holds_it) {
  schema("CREATE TABLE t(a)");
  BOOST_TEST((writer->applied() == log_position{1}));
  const auto first = next_batch({execute("INSERT INTO t VALUES (1)")});
  const auto second = next_batch({execute("INSERT INTO t VALUES (2)"), execute("INSERT INTO t VALUES (3)")});
  first->chain = 7;
  second->first_seq += 1;
  second->chain = ~8ull;
  const batch_ptr both[] = {first, second};
  apply_all(both);
  BOOST_TEST((writer->applied() == log_position{4, ~8ull}));
  open();
  BOOST_TEST((writer->applied() == log_position{4, ~8ull}));
  const auto identity = sqlite::make_database(file)->prepare(false);
  BOOST_REQUIRE(identity);
  BOOST_TEST((identity->applied == log_position{4, ~8ull}));
}

BOOST_AUTO_TEST_CASE(returning_gives_rows_and_values_keep_their_types) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a, b, c, d)");
  const auto sql = "INSERT INTO t(a, b, c, d) VALUES (?1, ?2, ?3, ?4) RETURNING id, a, b, c, d";
  const auto done = apply(
    {execute(sql, 1.5, "text", blob{std::string("\0\1", 2)}, nullptr), execute(sql, 7, "", blob{}, 1)});
  BOOST_REQUIRE(done[0] && done[1]);
  const auto first = done[0]->results[0].rows[0];
  BOOST_TEST(first["id"].as_integer() == 1);
  BOOST_TEST(first["a"].as_real() == 1.5);
  BOOST_TEST(first["b"].as_text() == "text");
  BOOST_TEST(first["c"].get<blob>()->bytes == std::string_view("\0\1", 2));
  BOOST_TEST(first["d"].is_null());
  const auto second = done[1]->results[0].rows[0];
  BOOST_TEST(second["id"].as_integer() == 2);
  BOOST_TEST((second["b"].kind() == cell::type::text));
  BOOST_TEST((second["c"].kind() == cell::type::blob));
  BOOST_TEST(done[1]->results[0].last_row_id == 2);
}

BOOST_AUTO_TEST_CASE(each_mistake_has_its_own_error_and_neighbours_stand) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL UNIQUE CHECK (a <> 'no'))");
  const auto insert = "INSERT INTO t VALUES (?1, ?2)";
  const auto replies = apply({
    execute(insert, 1, "one"),
    execute("INSRT INTO t VALUES (1)"),
    execute(insert, 2),
    execute("INSERT INTO t VALUES (:id, :a)", named{":id", 2}, named{":b", "x"}),
    execute("INSERT INTO t VALUES (:id, :a)", named{":id", 2}),
    execute("INSERT INTO t VALUES (:id, :a)", named{":id", 2}, named{":id", 3}),
    execute("INSERT INTO t VALUES (:id, :a)", named{":id", 2}, "x"),
    execute(insert, 2, "one"),
    execute(insert, 2, nullptr),
    execute(insert, 2, "no"),
    execute("INSERT INTO nowhere VALUES (1)"),
    execute(insert, 2, std::string(limits::value_bytes_max + 1, 'x')),
    execute("SELECT 1 -- " + std::string(limits::sql_bytes_max, 'x')),
    execute("INSERT INTO t VALUES (2, 'x'); DELETE FROM t"),
    execute(" /* nothing */ ; "),
    execute(insert, "text", "x"),
    execute(insert, 2, "two"),
  });
  const errc expected[] = {errc::none,
                           errc::bad_sql,
                           errc::parameter_mismatch,
                           errc::parameter_mismatch,
                           errc::parameter_mismatch,
                           errc::parameter_mismatch,
                           errc::parameter_mismatch,
                           errc::constraint,
                           errc::constraint,
                           errc::constraint,
                           errc::bad_sql,
                           errc::too_large,
                           errc::too_large,
                           errc::bad_sql,
                           errc::bad_sql,
                           errc::value_type,
                           errc::none};
  for (std::size_t at = 0; at < replies.size(); ++at) {
    BOOST_TEST_CONTEXT("reply " << at << ": " << detail_of(replies[at])) {
      BOOST_TEST(code_of(replies[at]) == expected[at]);
    }
  }
  BOOST_TEST(detail_of(replies[3]).find(":b") != std::string::npos);
  BOOST_TEST(detail_of(replies[4]).find(":a is missing") != std::string::npos);
  BOOST_TEST(detail_of(replies[7]).find("seq 9, statement 1: UNIQUE constraint failed: t.a") == 0u);
  BOOST_TEST(detail_of(replies[13]).find("one statement at a time") != std::string::npos);
  BOOST_TEST(rows("SELECT * FROM t") == "1|one\n2|two");
  BOOST_TEST(writer->applied_seq() == 18u);
}

BOOST_AUTO_TEST_CASE(a_statement_may_end_with_a_semicolon_and_a_comment) {
  schema("CREATE TABLE t(a);");
  BOOST_TEST(code_of(apply_one(execute("INSERT INTO t VALUES (1); -- done\n /* quite */ ;"))) == errc::none);
}

BOOST_AUTO_TEST_CASE(a_rejected_transaction_leaves_nothing_behind) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)");
  apply({execute("INSERT INTO t(a) VALUES (1)")});
  const auto replies = apply({
    execute("INSERT INTO t(a) VALUES (2)").add("INSERT INTO t(a) VALUES (1)"),
    execute("INSERT OR FAIL INTO t(a) VALUES (5), (6), (1)"),
    execute("UPDATE t SET a = 9").expect_rows(2),
    execute("INSERT INTO t(a) VALUES (3)").expect_rows(1),
  });
  BOOST_TEST(code_of(replies[0]) == errc::constraint);
  BOOST_TEST(detail_of(replies[0]).find("statement 2") != std::string::npos);
  BOOST_TEST(code_of(replies[1]) == errc::constraint);
  BOOST_TEST(code_of(replies[2]) == errc::row_count_mismatch);
  BOOST_REQUIRE(replies[3]);
  BOOST_TEST(replies[3]->results[0].last_row_id == 2);
  BOOST_TEST(rows("SELECT * FROM t") == "1|1\n2|3");
}

BOOST_AUTO_TEST_CASE(a_durable_transaction_is_applied_and_answered_without_results) {
  schema("CREATE TABLE t(a)");
  auto work = execute("INSERT INTO t VALUES (1)");
  work.acknowledgement = ack::durable;
  const auto done = apply_one(work);
  BOOST_REQUIRE(done);
  BOOST_TEST(done->results.empty());
  BOOST_TEST(rows("SELECT * FROM t") == "1");
}

BOOST_AUTO_TEST_CASE(foreign_keys_hold_the_deferred_ones_too) {
  schema(
    "CREATE TABLE p(id INTEGER PRIMARY KEY);"
    "CREATE TABLE c(p REFERENCES p);"
    "CREATE TABLE d(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
  const auto replies = apply({
    execute("INSERT INTO c VALUES (1)"),
    execute("INSERT INTO d VALUES (1)"),
    execute("INSERT INTO d VALUES (2)").add("INSERT INTO p VALUES (2)"),
    execute("INSERT INTO c VALUES (2)"),
  });
  BOOST_TEST(code_of(replies[0]) == errc::constraint);
  BOOST_TEST(code_of(replies[1]) == errc::constraint);
  BOOST_TEST(code_of(replies[2]) == errc::none);
  BOOST_TEST(code_of(replies[3]) == errc::none);
  BOOST_TEST(rows("SELECT * FROM d") == "2");
}

BOOST_AUTO_TEST_CASE(too_many_returned_rows_reject_the_transaction) {
  schema("CREATE TABLE t(a)");
  const auto replies = apply({
    execute("INSERT INTO t VALUES (1)")
      .add("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"),
    execute("SELECT zeroblob(?1) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9))", 8'000'000),
    execute("INSERT INTO t VALUES (2)"),
  });
  BOOST_TEST(code_of(replies[0]) == errc::too_large);
  BOOST_TEST(code_of(replies[1]) == errc::too_large);
  BOOST_TEST(rows("SELECT * FROM t") == "2");
}

BOOST_AUTO_TEST_CASE(a_foreign_lock_is_reported_and_the_same_batches_succeed_later) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  const auto next = next_batch({execute("INSERT INTO t(a) VALUES ('x')"), execute("INSERT INTO t(a) VALUES ('y')")});
  {
    plain_connection other{file};
    other.execute("BEGIN IMMEDIATE");
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto refused = try_to_apply(next);
      BOOST_REQUIRE(!refused);
      BOOST_TEST(refused.error().why.code == errc::locked);
      BOOST_TEST((refused.error().next == remedy::same_connection));
    }
    other.execute("COMMIT");
  }
  BOOST_TEST(writer->applied_seq() == 1u);
  BOOST_REQUIRE(try_to_apply(next));
  BOOST_TEST(rows("SELECT * FROM t") == "1|x\n2|y");
}

BOOST_AUTO_TEST_CASE(batches_out_of_order_are_refused) {
  auto wrong = std::make_shared<batch>();
  wrong->first_seq = 5;
  wrong->items.emplace_back(execute("SELECT 1"));
  const batch_ptr part = wrong;
  const auto refused = try_to_apply(part);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().why.code == errc::malformed);
}

BOOST_AUTO_TEST_CASE(a_schema_change_by_another_program_is_noticed) {
  schema("CREATE TABLE t(a)");
  const auto insert = "INSERT INTO t VALUES (?1)";
  apply({execute(insert, 1)});
  plain_connection{file}.execute(
    "CREATE TABLE seen(n, c); CREATE TRIGGER r BEFORE INSERT ON t BEGIN "
    "INSERT INTO seen VALUES (new.a, changes()); END");
  apply({execute("UPDATE t SET a = a"), execute(insert, 2)});
  BOOST_TEST(rows("SELECT * FROM seen") == "2|0");
}

BOOST_AUTO_TEST_CASE(a_checkpoint_moves_everything_unless_a_reader_looks) {
  schema("CREATE TABLE t(a)");
  apply({execute("INSERT INTO t VALUES (1)")});
  BOOST_TEST(writer->unmerged() > 0u);
  plain_connection other{file};
  other.execute("BEGIN");
  BOOST_TEST(other.rows("SELECT a FROM t") == "1");
  apply({execute("INSERT INTO t VALUES (2)")});
  const auto held = writer->checkpoint();
  BOOST_REQUIRE(held);
  BOOST_TEST(held->checkpointed_seq == 3u); // It is synced, in SQLite's log.
  BOOST_TEST(held->unmerged > 0u);
  BOOST_TEST(held->journal > held->unmerged);
  BOOST_TEST(writer->unmerged() == held->unmerged);
  other.execute("COMMIT");
  const auto whole = writer->checkpoint();
  BOOST_REQUIRE(whole);
  BOOST_TEST(whole->checkpointed_seq == 3u);
  BOOST_TEST(whole->unmerged == 0u);
  BOOST_TEST(writer->unmerged() == 0u);
}

/// By the writes to SQLite's log that no sync followed.
BOOST_AUTO_TEST_CASE(what_a_reader_keeps_from_being_moved_counts_as_checkpointed_and_is_synced_where_it_is) {
  struct : millrace::test::vfs_observer {
    int unsynced = 0;
    void after(const millrace::test::vfs_operation& done, int) override {
      using kind = millrace::test::vfs_operation::kind;
      if (done.path.ends_with("-wal")) {
        unsynced = done.what == kind::sync ? 0 : unsynced + (done.what == kind::write ? 1 : 0);
      }
    }
  } disk;
  close();
  const millrace::test::vfs_shim shim{disk};
  open();
  schema("CREATE TABLE t(a)");
  {
    plain_connection other{file};
    other.execute("BEGIN");
    BOOST_TEST(other.rows("SELECT a FROM t") == "");
    for (int n = 1; n <= 3; ++n) { // Of the later ones nothing can be moved.
      apply({execute("INSERT INTO t VALUES (?1)", n)});
      BOOST_TEST(disk.unsynced > 0);
      const auto held = writer->checkpoint();
      BOOST_REQUIRE(held);
      BOOST_TEST(held->unmerged > 0u);
      BOOST_TEST(held->checkpointed_seq == writer->applied_seq());
      BOOST_TEST(disk.unsynced == 0);
    }
  }
  close();
}

BOOST_AUTO_TEST_CASE(a_log_that_is_too_long_begins_anew_once_no_reader_looks_into_it) {
  schema("CREATE TABLE t(a)");
  const auto log_bytes = [this] { return std::filesystem::file_size(file.string() + "-wal"); };
  apply({execute("INSERT INTO t VALUES (zeroblob(100000))")});
  plain_connection other{file};
  other.execute("BEGIN");
  BOOST_TEST(other.rows("SELECT count(*) FROM t") == "1");
  const auto held = writer->checkpoint(1);
  BOOST_REQUIRE(held);
  BOOST_TEST(held->unmerged == 0u);
  BOOST_TEST(held->journal > 1u);
  other.execute("COMMIT");
  BOOST_TEST(writer->checkpoint()->journal > 1u); // It is not too long for this one.
  BOOST_TEST(writer->checkpoint(1)->journal == 0u);
  const auto before = log_bytes();
  apply({execute("INSERT INTO t VALUES (1)")});
  BOOST_TEST(log_bytes() == before);
}

BOOST_AUTO_TEST_CASE(files_are_private_whatever_the_umask) {
  millrace::test::temporary_folder place;
  const auto other = place.path() / "database.sqlite3";
  const auto before = ::umask(0);
  const auto made = sqlite::make_database(other)->prepare(true);
  auto opened = sqlite::make_database(other)->open_writer();
  ::umask(before);
  BOOST_REQUIRE(made && opened);
  BOOST_REQUIRE((*opened)->checkpoint());
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    struct stat state {};
    if (::stat((other.string() + suffix).c_str(), &state) == 0) {
      BOOST_TEST((state.st_mode & 0777) == 0600u);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_longer_than_sqlite_takes_is_told_with_the_limit) {
  const auto replies = apply({execute("SELECT zeroblob(20000000)"),
                              schema_script{"s", "CREATE TABLE t(a DEFAULT '" + std::string(300'000, 'x') + "')"}});
  for (const auto& reply : replies) {
    BOOST_TEST(code_of(reply) == errc::too_large);
    BOOST_TEST(
      detail_of(reply).find("a statement has at most 262144 bytes, a value or row at most 18") != std::string::npos,
      detail_of(reply));
  }
}

BOOST_AUTO_TEST_CASE(a_writer_does_nothing_more_once_another_was_opened) {
  schema("CREATE TABLE t(a)");
  const auto database = sqlite::make_database(file);
  const auto earlier = database->open_writer();
  const auto later = database->open_writer();
  BOOST_REQUIRE((earlier && later));
  const std::vector<batch_ptr> work{next_batch({execute("INSERT INTO t VALUES (1)")})};
  for (int i = 0; i < 2; ++i) {
    const auto refused = (*earlier)->apply(work, mark, {});
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().why.code == errc::unavailable);
    BOOST_TEST((refused.error().next == remedy::reopen));
    const auto unmoved = (*earlier)->checkpoint();
    BOOST_REQUIRE(!unmoved);
    BOOST_TEST((unmoved.error().next == remedy::reopen));
  }
  BOOST_TEST(rows("SELECT a FROM t") == "");
  BOOST_REQUIRE((*later)->apply(work, mark, {}));
  BOOST_REQUIRE((*later)->checkpoint());
  BOOST_TEST(rows("SELECT a FROM t") == "1");
}

BOOST_AUTO_TEST_CASE(a_writer_is_not_open_before_what_the_earlier_one_was_at_has_ended) {
  schema("CREATE TABLE t(a)");
  const auto database = sqlite::make_database(file);
  const auto earlier = database->open_writer().value();
  const std::vector<batch_ptr> work{next_batch(
    {execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT count(*) FROM n")})};
  begun_mark seen;
  bool applied = true;
  std::thread other{[&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{100};
    applied = earlier->apply(work, seen, {.deadline = deadline}).has_value();
  }};
  seen.begun.get_future().wait();
  const auto later = database->open_writer();
  BOOST_TEST(seen.ended.load());
  BOOST_TEST(later.has_value());
  other.join();
  BOOST_TEST(!applied);
}

BOOST_AUTO_TEST_SUITE_END()
