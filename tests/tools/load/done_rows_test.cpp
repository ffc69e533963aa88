#include <millrace/tools/millrace/load/done_rows.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <random>
#include <set>

using namespace millrace::tools;

BOOST_AUTO_TEST_SUITE(done_rows_suite)

BOOST_AUTO_TEST_CASE(ranges_that_touch_or_overlap_become_one) {
  done_rows done;
  done.add({5, 6});
  done.add({1, 2});
  BOOST_TEST(!done.contains(3));
  done.add({3, 5});
  BOOST_TEST((done.last_range(1) == done_rows::span{1, 6}));
  BOOST_TEST(!done.contains(0));
  BOOST_TEST(!done.contains(7));
}

BOOST_AUTO_TEST_CASE(a_range_inside_another_changes_nothing) {
  done_rows done;
  done.add({1, 10});
  done.add({3, 4});
  BOOST_TEST((done.last_range(1) == done_rows::span{1, 10}));
}

BOOST_AUTO_TEST_CASE(the_last_range_that_is_long_enough_is_found) {
  done_rows done;
  done.add({1, 20});
  done.add({30, 39});
  done.add({50, 50});
  BOOST_TEST((done.last_range(10) == done_rows::span{30, 39}));
  BOOST_TEST((done.last_range(11) == done_rows::span{1, 20}));
  BOOST_TEST(!done.last_range(21));
}

BOOST_AUTO_TEST_CASE(whatever_the_order_exactly_what_was_added_is_there) {
  std::mt19937 random{7};
  std::set<std::uint64_t> rows;
  done_rows done;
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t first = 1 + random() % 1000;
    const auto last = first + random() % 5;
    done.add({first, last});
    for (auto row = first; row <= last; ++row) {
      rows.insert(row);
    }
  }
  for (std::uint64_t row = 0; row < 1010; ++row) {
    BOOST_TEST(done.contains(row) == rows.contains(row), "row " << row);
  }
}

BOOST_AUTO_TEST_SUITE_END()
