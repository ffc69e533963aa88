#include <millrace/actors/base/histogram.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

using namespace std::chrono_literals;
using millrace::histogram;

BOOST_AUTO_TEST_SUITE(histogram_suite)

BOOST_AUTO_TEST_CASE(an_empty_histogram_reports_zero) {
  const histogram empty;
  BOOST_TEST(empty.count() == 0u);
  BOOST_TEST((empty.max() == 0ns));
  BOOST_TEST((empty.percentile(99) == 0ns));
}

BOOST_AUTO_TEST_CASE(every_duration_comes_back_within_one_percent) {
  for (std::int64_t duration = 1; duration < (std::int64_t{1} << 41); duration = duration + duration / 7 + 1) {
    histogram counted;
    counted.record(std::chrono::nanoseconds{duration});
    counted.record(std::chrono::nanoseconds{duration * 2});
    const auto reported = static_cast<double>(counted.percentile(50).count());
    BOOST_TEST(std::abs(reported - static_cast<double>(duration)) <= 0.01 * static_cast<double>(duration));
  }
}

BOOST_AUTO_TEST_CASE(percentiles_agree_with_a_sorted_list) {
  std::mt19937_64 random{42};
  std::lognormal_distribution<double> spread{13.0, 1.5};
  histogram counted;
  std::vector<double> sorted;
  for (int i = 0; i < 100'000; ++i) {
    const auto duration = static_cast<std::int64_t>(spread(random)) + 1;
    counted.record(std::chrono::nanoseconds{duration});
    sorted.push_back(static_cast<double>(duration));
  }
  std::sort(sorted.begin(), sorted.end());
  for (const auto percent : {1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100.0 * 100'000.0)) - 1;
    const auto reported = static_cast<double>(counted.percentile(percent).count());
    BOOST_TEST(std::abs(reported - sorted[rank]) <= 0.01 * sorted[rank]);
  }
}

BOOST_AUTO_TEST_CASE(merging_counts_as_if_all_had_been_recorded_in_one) {
  histogram all;
  histogram left;
  histogram right;
  for (int i = 1; i <= 1000; ++i) {
    const auto duration = std::chrono::microseconds{i};
    all.record(duration);
    (i % 3 == 0 ? left : right).record(duration);
  }
  left.merge(right);
  BOOST_TEST(left.count() == all.count());
  BOOST_TEST((left.max() == all.max()));
  for (const auto percent : {0.0, 10.0, 50.0, 99.0, 100.0}) {
    BOOST_TEST((left.percentile(percent) == all.percentile(percent)));
  }
}

BOOST_AUTO_TEST_CASE(durations_beyond_the_range_or_below_zero_are_counted_at_its_ends) {
  histogram counted;
  counted.record(-5ns);
  counted.record(48h);
  BOOST_TEST(counted.count() == 2u);
  BOOST_TEST((counted.percentile(50) == 0ns));
  BOOST_TEST((counted.max() == 48h));
  BOOST_TEST((counted.percentile(100) >= 72min));
  counted.clear();
  BOOST_TEST(counted.count() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
