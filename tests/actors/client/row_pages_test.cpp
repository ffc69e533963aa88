#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>

#include <cstdint>
#include <ranges>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct pages_fixture : engine_fixture {
  pages_fixture() { open("CREATE TABLE t(n INTEGER PRIMARY KEY)"); }

  static std::string numbers(int count) {
    return "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT " + std::to_string(count)
           + ") SELECT n FROM c";
  }
};

static_assert(std::ranges::input_range<row_pages>);

} // namespace

BOOST_FIXTURE_TEST_SUITE(row_pages_suite, pages_fixture)

BOOST_AUTO_TEST_CASE(all_pages_are_read_and_no_row_is_cut_off) {
  auto db = connect();
  for (const int count : {0, 1, 9, 10, 11, 100}) {
    std::int64_t last = 0;
    for (const auto& page : db.pages(select(numbers(count)), 10)) {
      BOOST_REQUIRE_MESSAGE(page, (page ? "" : to_string(page.error())));
      for (const auto row : *page) {
        BOOST_REQUIRE_EQUAL(row["n"].as_integer(), ++last);
      }
    }
    BOOST_TEST(last == count);
  }
}

BOOST_AUTO_TEST_CASE(more_rows_than_a_query_gives_are_an_error_and_pages_of_them_are_not) {
  auto db = connect();
  const auto many = numbers(100'001);
  const auto cut = db.query(many);
  BOOST_REQUIRE(!cut);
  BOOST_TEST(cut.error().code == errc::too_large);
  BOOST_TEST(cut.error().detail.find("`pages`") != std::string::npos);
  std::size_t rows = 0;
  for (const auto& page : db.pages(many)) {
    rows += page.value().size();
  }
  BOOST_TEST(rows == 100'001u);
  // Who says how many are wanted knows that there may be more.
  auto question = select(many);
  question.max_rows = 3;
  BOOST_TEST((*db.query(question)).truncated());
}

BOOST_AUTO_TEST_CASE(an_error_is_the_last_element) {
  auto db = connect();
  std::size_t elements = 0;
  for (const auto& page : db.pages("SELECT nonsense FROM nowhere")) {
    ++elements;
    BOOST_REQUIRE(!page);
    BOOST_TEST(page.error().code == errc::bad_sql);
  }
  BOOST_TEST(elements == 1u);
}

BOOST_AUTO_TEST_CASE(a_state_that_is_gone_ends_the_pages_and_is_not_waited_for) {
  settings.read.cursors_max = 1;
  open();
  auto db = connect();
  std::size_t rows = 0;
  errc last = errc::none;
  for (const auto& page : db.pages(select(numbers(30)), 10)) {
    if (!page) {
      last = page.error().code;
      break;
    }
    rows += page->size();
    if (rows == 10) {
      for (std::size_t i = 0; i < settings.read.readers; ++i) {
        kill("reader-" + std::to_string(i + 1));
      }
      BOOST_REQUIRE(db.execute("INSERT INTO t VALUES (1)"));
    }
  }
  BOOST_TEST(last == errc::cursor_lost);
  BOOST_TEST(rows == 10u);
}

BOOST_AUTO_TEST_SUITE_END()
