#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

struct stranger_fixture : database_fixture {
  stranger_fixture() {
    schema("CREATE TABLE t(a UNIQUE)");
    apply({insert(1)});
  }

  static transaction insert(int number) { return execute("INSERT INTO t VALUES (?1)", number); }

  std::filesystem::path beside(const std::string& suffix) const { return file.string() + suffix; }

  /// What applying comes to, and that the writer is of no use after it where that is `database_gone`.
  errc refusal() {
    const auto next = next_batch({insert(2)});
    const auto replies = try_to_apply(next);
    if (replies) {
      return errc::none;
    }
    BOOST_TEST(mark.now.ended);
    return replies.error().why.code;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_stranger_suite, stranger_fixture)

BOOST_AUTO_TEST_CASE(a_database_that_was_moved_takes_no_work_until_it_is_back_and_opened_again) {
  std::filesystem::rename(file, beside(".away"));
  BOOST_TEST(refusal() == errc::database_gone);
  BOOST_TEST(writer->applied_seq() == 2u);
  std::filesystem::rename(beside(".away"), file);
  BOOST_TEST(refusal() == errc::database_gone);
  BOOST_TEST(writer->checkpoint().error().why.code == errc::database_gone);
  open();
  BOOST_TEST(refusal() == errc::none);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n2");
}

BOOST_AUTO_TEST_CASE(a_database_that_was_replaced_by_a_copy_is_noticed) {
  std::filesystem::copy_file(file, beside(".copy"));
  std::filesystem::rename(beside(".copy"), file);
  BOOST_TEST(refusal() == errc::database_gone);
}

BOOST_AUTO_TEST_CASE(a_log_that_was_removed_or_replaced_is_noticed) {
  std::filesystem::copy_file(beside("-wal"), beside(".copy"));
  std::filesystem::remove(beside("-wal"));
  BOOST_TEST(refusal() == errc::database_gone);
  std::filesystem::rename(beside(".copy"), beside("-wal"));
  BOOST_TEST(refusal() == errc::database_gone);
  open();
  BOOST_TEST(refusal() == errc::none);
  std::filesystem::copy_file(beside("-wal"), beside(".copy"));
  std::filesystem::rename(beside(".copy"), beside("-wal"));
  BOOST_TEST(refusal() == errc::database_gone);
  // What closes a connection to files that are not its own leaves them alone.
  close();
  BOOST_TEST(std::filesystem::exists(beside("-wal")));
}

BOOST_AUTO_TEST_CASE(nothing_counts_as_checkpointed_when_the_database_is_gone) {
  std::filesystem::rename(file, beside(".away"));
  const auto size = std::filesystem::file_size(beside(".away"));
  const auto refused = writer->checkpoint();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().why.code == errc::database_gone);
  close();
  BOOST_TEST(std::filesystem::file_size(beside(".away")) == size);
  BOOST_TEST(std::filesystem::file_size(beside("-wal")) > 0u);
}

BOOST_AUTO_TEST_CASE(an_older_copy_that_sqlite_put_back_is_noticed_before_anything_is_applied_or_checkpointed) {
  plain_connection{file}.execute("VACUUM INTO '" + beside(".copy").string() + "'");
  for (const auto checkpoint : {false, true}) {
    open();
    apply({insert(2)});
    plain_connection{file}.restore(beside(".copy"));
    const auto refused = checkpoint ? writer->checkpoint().error().why.code : refusal();
    BOOST_TEST(refused == errc::database_gone);
    BOOST_TEST(rows("SELECT a FROM t") == "1");
    open();
    BOOST_TEST(writer->applied_seq() == 2u);
  }
}

BOOST_AUTO_TEST_CASE(a_copy_that_was_written_under_another_log_is_noticed_though_it_ends_at_the_same_seq) {
  plain_connection{file}.execute("VACUUM INTO '" + beside(".copy").string() + "'");
  plain_connection{beside(".copy")}.execute("UPDATE millrace_meta SET applied_chain = 5");
  plain_connection{file}.restore(beside(".copy"));
  BOOST_TEST(refusal() == errc::database_gone);
  open();
  BOOST_TEST((writer->applied() == log_position{2, 5}));
}

BOOST_AUTO_TEST_CASE(a_commit_by_another_program_is_noticed_once) {
  BOOST_TEST(!writer->take_foreign_commit());
  plain_connection{file}.execute("INSERT INTO t VALUES (99)");
  BOOST_TEST(!writer->take_foreign_commit());
  apply({insert(2)});
  BOOST_TEST(writer->take_foreign_commit());
  BOOST_TEST(!writer->take_foreign_commit());
  apply({insert(3)});
  BOOST_TEST(!writer->take_foreign_commit());
}

BOOST_AUTO_TEST_CASE(a_foreign_commit_is_not_forgotten_where_our_own_fails) {
  plain_connection other{file};
  other.execute("INSERT INTO t VALUES (99)");
  // The first attempt is rolled back and run again with savepoints.
  apply({insert(2), execute("INSERT INTO t VALUES (50), (99)")});
  BOOST_TEST(writer->take_foreign_commit());
}

BOOST_AUTO_TEST_CASE(nothing_of_our_own_is_taken_for_a_foreign_commit) {
  apply({insert(1), insert(2), execute("INSERT OR ROLLBACK INTO t VALUES (1)"), insert(3),
         schema_script{"s", "CREATE TABLE u(a)"}, execute("INSERT INTO u VALUES (1)")});
  BOOST_TEST(!writer->take_foreign_commit());
  BOOST_REQUIRE(writer->checkpoint());
  apply({insert(4)});
  BOOST_REQUIRE(sqlite::make_database(file)->prepare(true));
  plain_connection{file}.rows("SELECT * FROM t");
  apply({insert(5)});
  {
    plain_connection other{file};
    other.execute("BEGIN IMMEDIATE");
    BOOST_TEST(refusal() == errc::locked);
  }
  apply({insert(6)});
  BOOST_TEST(!writer->take_foreign_commit());
}

BOOST_AUTO_TEST_SUITE_END()
