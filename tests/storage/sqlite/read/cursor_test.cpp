#include <millrace/tests/support/first_cell.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <atomic>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;
using millrace::test::first_cell;
using namespace std::chrono_literals;

namespace {

struct cursor_fixture : database_fixture {
  cursor_fixture() {
    schema(
      "CREATE TABLE t(id INTEGER PRIMARY KEY); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
      "i < 10) INSERT INTO t SELECT i FROM n");
    auto opened = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(opened);
    reader = std::move(*opened);
  }

  std::unique_ptr<row_cursor> start(const query& question) {
    auto begun = reader->start(question, {});
    BOOST_REQUIRE_MESSAGE(begun, begun.error().detail);
    return std::move(*begun);
  }

  /// The numbers of the next page, and `+` where there are more.
  static std::string page(row_cursor& cursor, std::uint32_t count) {
    const auto rows = cursor.next(count, {});
    if (!rows) {
      return std::string{name(rows.error().code)};
    }
    std::string text;
    for (const auto& row : *rows) {
      text += row[0].to_string() + " ";
    }
    return text + (rows->truncated() ? "+" : "");
  }

  errc refusal(const query& question) {
    const auto begun = reader->start(question, {});
    return begun ? errc::none : begun.error().code;
  }

  std::unique_ptr<database_reader> reader;
  const query all = select("SELECT id FROM t ORDER BY id");
  const query endless = select("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n");
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_cursor_suite, cursor_fixture)

BOOST_AUTO_TEST_CASE(pages_follow_each_other_to_the_end) {
  auto cursor = start(all);
  BOOST_TEST(page(*cursor, 3) == "1 2 3 +");
  BOOST_TEST(page(*cursor, 3) == "4 5 6 +");
  BOOST_TEST(page(*cursor, 4) == "7 8 9 10 ");
  BOOST_TEST(page(*cursor, 4) == "");
  cursor.reset();
  cursor = start(all);
  BOOST_TEST(page(*cursor, 9) == "1 2 3 4 5 6 7 8 9 +");
  BOOST_TEST(page(*cursor, 9) == "10 ");
}

BOOST_AUTO_TEST_CASE(rows_can_be_passed_over) {
  auto cursor = start(all);
  BOOST_REQUIRE(cursor->skip(4, {}));
  BOOST_TEST(page(*cursor, 2) == "5 6 +");
  BOOST_REQUIRE(cursor->skip(2, {}));
  BOOST_TEST(page(*cursor, 2) == "9 10 ");
  BOOST_REQUIRE(cursor->skip(100, {}));
  BOOST_TEST(page(*cursor, 2) == "");
}

BOOST_AUTO_TEST_CASE(all_pages_show_one_state_and_tell_its_seq) {
  auto cursor = start(all);
  BOOST_TEST(cursor->seq() == 1u);
  apply({execute("DELETE FROM t WHERE id > 2")});
  BOOST_TEST(page(*cursor, 2) == "1 2 +");
  apply({execute("DELETE FROM t")});
  BOOST_TEST(cursor->next(1, {})->seq() == 1u);
  BOOST_TEST(page(*cursor, 20) == "4 5 6 7 8 9 10 ");
  cursor.reset();
  cursor = start(all);
  BOOST_TEST(cursor->seq() == 3u);
  BOOST_TEST(page(*cursor, 20) == "");
}

BOOST_AUTO_TEST_CASE(a_cursor_holds_its_snapshot_no_longer_than_it_lives) {
  auto cursor = start(all);
  BOOST_TEST(page(*cursor, 2) == "1 2 +");
  apply({execute("DELETE FROM t WHERE id = 10")});
  BOOST_TEST(writer->checkpoint()->unmerged > 0u);
  cursor.reset();
  BOOST_TEST(writer->checkpoint()->unmerged == 0u);
  BOOST_TEST(first_cell(*reader->run(select("SELECT count(*) FROM t"), {})).as_integer() == 9);
}

BOOST_AUTO_TEST_CASE(a_cursor_shares_a_snapshot_that_is_open_already) {
  BOOST_REQUIRE(reader->begin_snapshot());
  apply({execute("DELETE FROM t")});
  auto cursor = start(all);
  BOOST_TEST(cursor->seq() == 1u);
  BOOST_TEST(page(*cursor, 2) == "1 2 +");
  cursor.reset();
  BOOST_TEST(reader->applied_seq().value_or(0) == 1u);
  reader->end_snapshot();
  BOOST_TEST(reader->applied_seq().value_or(0) == 2u);
}

BOOST_AUTO_TEST_CASE(a_question_that_is_none_is_refused_and_leaves_no_snapshot) {
  BOOST_TEST(refusal(select("DELETE FROM t")) == errc::not_a_query);
  BOOST_TEST(refusal(select("SELEC 1")) == errc::bad_sql);
  BOOST_TEST(refusal(select("SELECT ?1")) == errc::parameter_mismatch);
  apply({execute("DELETE FROM t")});
  BOOST_TEST(reader->applied_seq().value_or(0) == 2u);
}

BOOST_AUTO_TEST_CASE(an_interrupted_cursor_never_begins_anew) {
  auto cursor = start(endless);
  BOOST_TEST(page(*cursor, 2) == "1 2 +");
  const auto interrupted = cursor->skip(UINT64_MAX, {.deadline = read_limits::clock::now() + 10ms});
  BOOST_REQUIRE(!interrupted);
  BOOST_TEST(interrupted.error().code == errc::deadline_exceeded);
  BOOST_TEST(page(*cursor, 2) == "deadline_exceeded");
}

BOOST_AUTO_TEST_CASE(a_page_past_its_limits_is_not_begun_and_the_cursor_stays) {
  std::atomic<bool> starving = true;
  auto cursor = start(all);
  BOOST_TEST(page(*cursor, 2) == "1 2 +");
  const auto past = read_limits::clock::now() - 1ms;
  BOOST_TEST(cursor->next(2, {.deadline = past}).error().code == errc::deadline_exceeded);
  BOOST_TEST(cursor->next(2, {.lease_end = past, .starving = &starving}).error().code == errc::lease_expired);
  BOOST_TEST(page(*cursor, 2) == "3 4 +");
}

BOOST_AUTO_TEST_CASE(a_page_is_cut_where_it_grows_too_large_and_the_next_goes_on) {
  auto cursor = start(select("SELECT id, zeroblob(8000000) FROM t ORDER BY id"));
  BOOST_TEST(page(*cursor, 100) == "1 2 3 4 5 6 7 8 +");
  BOOST_TEST(page(*cursor, 100) == "9 10 ");
  cursor.reset();
  const std::string blob = "zeroblob(16000000)";
  cursor = start(select("SELECT " + blob + ", " + blob + ", " + blob + ", " + blob + ", " + blob));
  BOOST_TEST(page(*cursor, 1) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_cursor_follows_the_schema) {
  auto cursor = start(select("SELECT * FROM t"));
  BOOST_TEST(cursor->next(1, {})->columns().size() == 1u);
  cursor.reset();
  schema("ALTER TABLE t ADD COLUMN b");
  cursor = start(select("SELECT * FROM t"));
  BOOST_TEST(cursor->next(1, {})->columns().size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
