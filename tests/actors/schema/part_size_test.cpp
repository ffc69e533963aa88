#include <millrace/actors/schema/part_size.hpp>

#include <chrono>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using std::chrono::microseconds;

BOOST_AUTO_TEST_SUITE(part_size_suite)

BOOST_AUTO_TEST_CASE(a_part_grows_by_doubling_at_most_and_shrinks_at_once) {
  part_size size;
  const auto first = size.rows();
  size.learn(first, microseconds{1});
  BOOST_TEST(size.rows() == 2 * first);
  for (int i = 0; i < 100; ++i) {
    size.learn(size.rows(), microseconds{1});
  }
  BOOST_TEST(size.rows() == 100'000u);
  size.learn(100, part_size::wanted);
  BOOST_TEST(size.rows() == 100u);
  BOOST_TEST(size.time().count() == part_size::wanted.count());
  size.learn(1, 1000 * part_size::wanted);
  BOOST_TEST(size.rows() == 1u);
  BOOST_TEST(size.time().count() == 1000 * part_size::wanted.count());
}

BOOST_AUTO_TEST_CASE(a_part_that_was_called_off_is_cut_up_until_it_has_one_row) {
  part_size size;
  const auto first = size.rows();
  size.cut();
  BOOST_TEST(size.rows() == first / 8);
  for (int i = 0; i < 10; ++i) {
    size.cut();
  }
  BOOST_TEST(size.rows() == 1u);
}

BOOST_AUTO_TEST_CASE(what_nobody_did_teaches_nothing) {
  part_size size;
  const auto before = size.rows();
  size.learn(0, microseconds{1'000'000});
  BOOST_TEST(size.rows() == before);
}

BOOST_AUTO_TEST_SUITE_END()
