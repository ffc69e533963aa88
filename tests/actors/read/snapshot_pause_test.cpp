#include <millrace/actors/read/snapshot_pause.hpp>

#include <chrono>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace std::chrono_literals;

namespace {

struct snapshot_pause_fixture {
  snapshot_pause pause{1s};
  monotonic_time now{1h};

  /// For how long it holds from now on, at most `most`, and goes on to its end.
  std::chrono::milliseconds hold(std::chrono::milliseconds most) {
    const auto begun = now;
    while (now - begun < most && pause.holds(true, now)) {
      now += 10ms;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - begun);
  }
  std::chrono::milliseconds rest(std::chrono::milliseconds most) {
    const auto begun = now;
    while (now - begun < most && !pause.holds(true, now)) {
      now += 10ms;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - begun);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(snapshot_pause_suite, snapshot_pause_fixture)

BOOST_AUTO_TEST_CASE(nothing_waits_while_the_log_can_be_emptied) {
  BOOST_TEST(!pause.holds(false, now));
}

BOOST_AUTO_TEST_CASE(it_ends_as_soon_as_the_log_could_be_emptied) {
  BOOST_TEST(pause.holds(true, now));
  BOOST_TEST(!pause.holds(false, now + 100ms));
  BOOST_TEST(pause.holds(true, now + 200ms));
}

BOOST_AUTO_TEST_CASE(where_it_helped_nothing_it_is_tried_again_each_time_after_twice_as_long) {
  BOOST_TEST(hold(1min).count() == 1'250);
  const auto first = rest(1min);
  BOOST_TEST(hold(1min).count() == 1'250);
  const auto second = rest(1min);
  BOOST_TEST(first.count() == 1'250);
  BOOST_TEST(second.count() == 3'750);
  for (int i = 0; i < 20; ++i) {
    hold(1min);
    rest(10min);
  }
  hold(1min);
  BOOST_TEST(rest(10min).count() <= 300'000);
}

BOOST_AUTO_TEST_SUITE_END()
