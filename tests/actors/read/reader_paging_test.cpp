#include "reader_fixture.hpp"

#include <numeric>

using namespace millrace;
using namespace millrace::test;

namespace {

struct paging_fixture : reader_fixture {
  const query all = select("SELECT n FROM t ORDER BY n");

  /// Leaves the numbers from 1 to `count` in the table.
  void fill(std::int64_t count) {
    apply(execute("DELETE FROM t"));
    apply(
      execute("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?1) "
              "INSERT INTO t SELECT n FROM c WHERE n <= ?1",
              count));
  }

  static void append(std::vector<std::int64_t>& numbers, const row_set& rows) {
    for (const auto one : rows) {
      numbers.push_back(one[0].as_integer());
    }
  }

  /// All numbers, page by page, with something done before each page but the first.
  template <class Between>
  std::vector<std::int64_t> read_all(std::uint32_t page_rows, Between between) {
    std::vector<std::int64_t> numbers;
    auto page = first_page(all, page_rows);
    BOOST_REQUIRE_MESSAGE(page.value, to_string(page.error));
    append(numbers, page.value->rows);
    while (page.value->next) {
      BOOST_REQUIRE_EQUAL(page.value->rows.size(), page_rows); // Only the last one may be shorter.
      BOOST_REQUIRE_LT(numbers.size(), 100u);                  // Pages that never end fail the test.
      between();
      page = next_page(*page.value->next);
      BOOST_REQUIRE_MESSAGE(page.value, to_string(page.error));
      append(numbers, page.value->rows);
    }
    return numbers;
  }

  static std::vector<std::int64_t> up_to(std::int64_t count) {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 1);
    return numbers;
  }

  /// The cursor behind a first page of two rows.
  page_cursor second_of(query question) {
    const auto page = first_page(std::move(question), 2);
    BOOST_REQUIRE_MESSAGE(page.value, to_string(page.error));
    BOOST_REQUIRE(page.value->next.has_value());
    return *page.value->next;
  }

  std::uint64_t kept() const { return board->pool().cursors; }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(reader_paging, paging_fixture)

BOOST_AUTO_TEST_CASE(the_pages_give_every_row_exactly_once_around_every_border) {
  for (const std::int64_t count : {0, 1, 4, 5, 6, 9, 10, 11}) {
    fill(count);
    for (const std::uint32_t page_rows : {1u, 5u, 100u}) {
      BOOST_TEST_INFO(count << " rows in pages of " << page_rows);
      BOOST_TEST((read_all(page_rows, [] {}) == up_to(count)));
      BOOST_TEST(kept() == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_result_that_ends_with_its_page_has_no_next_one) {
  fill(10);
  BOOST_TEST(!first_page(all, 10).value->next.has_value());
  BOOST_TEST(!next_page(*first_page(all, 5).value->next).value->next.has_value());
}

BOOST_AUTO_TEST_CASE(all_pages_show_one_state_while_others_commit_between_them) {
  fill(10);
  const auto numbers = read_all(3, [this] {
    apply(execute("DELETE FROM t WHERE n % 2 = 0"));
    apply(execute("INSERT INTO t VALUES (0), (7), (100)"));
  });
  BOOST_TEST((numbers == up_to(10)));
}

BOOST_AUTO_TEST_CASE(a_page_may_be_asked_for_twice_and_the_pages_after_it_still_come) {
  fill(10);
  const auto second = second_of(all);
  const auto once = next_page(second);
  const auto twice = next_page(second);
  BOOST_REQUIRE(once.value && twice.value);
  BOOST_TEST((once.value->rows == twice.value->rows));
  BOOST_TEST(kept() == 2);
  for (const auto& page : {once, twice}) {
    const auto third = next_page(*page.value->next);
    BOOST_REQUIRE(third.value.has_value());
    BOOST_TEST(third.value->rows[0][0].as_integer() == 5);
  }
}

BOOST_AUTO_TEST_CASE(a_page_that_is_sent_again_with_less_time_left_comes_from_the_result_that_was_kept) {
  fill(10);
  auto second = second_of(all);
  second.question.deadline -= std::chrono::seconds{7};
  const auto before = opened;
  const auto page = next_page(second);
  BOOST_REQUIRE(page.value.has_value());
  BOOST_TEST(page.value->rows[0][0].as_integer() == 3);
  BOOST_TEST(opened == before);
}

BOOST_AUTO_TEST_CASE(pages_go_on_after_their_reader_died_if_nothing_was_written) {
  fill(10);
  BOOST_TEST((read_all(3, [this] { start(); }) == up_to(10)));
}

BOOST_AUTO_TEST_CASE(pages_are_lost_with_their_reader_once_something_was_written) {
  fill(10);
  const auto second = second_of(all);
  start();
  BOOST_TEST(kept() == 0);
  apply(execute("INSERT INTO t VALUES (11)"));
  BOOST_TEST(next_page(second).code() == errc::cursor_lost);
  BOOST_TEST(kept() == 0);
}

BOOST_AUTO_TEST_CASE(a_reader_does_not_take_anothers_cursor_for_its_own) {
  fill(10);
  const auto second = second_of(all);
  start();
  BOOST_TEST(second_of(select("SELECT -n FROM t ORDER BY n")).number == second.number);
  const auto page = next_page(second);
  BOOST_REQUIRE(page.value.has_value());
  BOOST_TEST(page.value->rows[0][0].as_integer() == 3);
}

BOOST_AUTO_TEST_CASE(beyond_its_bound_a_reader_drops_the_result_unused_longest_which_can_be_found_again) {
  fill(10);
  const auto first = second_of(all);
  const auto second = second_of(all);
  const auto third = next_page(*next_page(first).value->next); // Now the second one is the one unused longest.
  BOOST_REQUIRE(third.value.has_value());
  second_of(all);
  BOOST_TEST(kept() == 2);
  const auto before = opened;
  BOOST_TEST(next_page(*third.value->next).value->rows[0][0].as_integer() == 7);
  BOOST_TEST(opened == before);
  BOOST_TEST(next_page(second).value->rows[0][0].as_integer() == 3);
  BOOST_TEST(opened == before + 1);
  BOOST_TEST(kept() == 2);
}

BOOST_AUTO_TEST_CASE(results_that_hold_much_memory_are_kept_as_far_as_all_of_them_hold_no_more_than_one_may) {
  fill(10);
  auto heavy = all;
  heavy.statement.sql = "SELECT n";
  for (int i = 0; i < 20; ++i) {
    heavy.statement.sql += ", length(hex(zeroblob(3900000)))";
  }
  heavy.statement.sql += " FROM t ORDER BY n";
  const auto first = second_of(heavy);
  BOOST_TEST(kept() == 1);
  heavy.statement.sql += " ";
  second_of(heavy);
  BOOST_TEST(kept() == 1);
  const auto again = next_page(first);
  BOOST_REQUIRE_MESSAGE(again.value, to_string(again.error));
  BOOST_TEST(again.value->rows[0][std::size_t{0}].as_integer() == 3);
}

BOOST_AUTO_TEST_CASE(a_reader_that_may_keep_nothing_finds_every_page_again) {
  settings.cursors_max = 0;
  start();
  fill(10);
  BOOST_TEST((read_all(3, [] {}) == up_to(10)));
}

BOOST_AUTO_TEST_CASE(a_failed_page_fails_with_its_own_error_and_keeps_nothing) {
  BOOST_TEST(first_page(select("SELEC n FROM t"), 2).code() == errc::bad_sql);
  BOOST_TEST(first_page(select("DELETE FROM t"), 2).code() == errc::not_a_query);
  const auto before = opened;
  BOOST_TEST(first_page(all, 2, monotonic_time::min()).code() == errc::deadline_exceeded);
  BOOST_TEST(opened == before);
  BOOST_TEST(first_page(endless(), 2, soon(std::chrono::milliseconds{50})).code() == errc::deadline_exceeded);
  BOOST_TEST(kept() == 0);
  in_the_way = failure{errc::disk_full, "injected"};
  BOOST_TEST(first_page(all, 2).code() == errc::disk_full);
  BOOST_TEST(board->pool().in_use == 0);
}

BOOST_AUTO_TEST_CASE(a_first_page_that_asks_for_a_newer_state_than_there_is_comes_later) {
  auto question = all;
  question.consistency = consistency::at_least;
  question.at_least_seq = writer->applied_seq() + 1;
  BOOST_TEST(first_page(question, 2).code() == errc::unavailable);
  apply(execute("INSERT INTO t VALUES (4)"));
  BOOST_TEST(first_page(question, 4).value->rows.size() == 4);
}

BOOST_AUTO_TEST_SUITE_END()
