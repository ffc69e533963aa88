#include <millrace/actors/base/breaker.hpp>

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace std::chrono_literals;

namespace {

using state = breaker_state;
using change = std::pair<state, state>;

/// A breaker on a made-up clock that notes what it tells its listener.
struct breaker_fixture {
  breaker::clock::time_point now{1h};
  std::vector<change> told;
  breaker tested = make(
    {.window = 10s, .failures_min = 4, .failure_rate = 0.5, .slow = 1s, .open_for = 2s, .probes = 2});

  breaker make(breaker_options settings) {
    return breaker{settings, [this](state from, state to) { told.emplace_back(from, to); }};
  }

  void succeed(int times) {
    for (int i = 0; i < times; ++i) {
      tested.succeeded(now);
    }
  }
  void fail(int times) {
    for (int i = 0; i < times; ++i) {
      tested.failed(now);
    }
  }
  breaker_health seen() const { return tested.health(now); }
  bool is(state wanted) const { return seen().state == wanted; }
};

const change opened{state::closed, state::open};
const change probing{state::open, state::half_open};
const change reopened{state::half_open, state::open};
const change mended{state::half_open, state::closed};

} // namespace

BOOST_FIXTURE_TEST_SUITE(breaker_suite, breaker_fixture)

BOOST_AUTO_TEST_CASE(it_opens_when_enough_failed_and_they_are_enough_of_all) {
  succeed(4);
  fail(3);
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(tested.retry_after(now).count() == 0);
  fail(1);
  BOOST_TEST(!tested.admits(now));
  BOOST_TEST(is(state::open));
  BOOST_TEST((told == std::vector{opened}));
}

BOOST_AUTO_TEST_CASE(few_failures_do_not_open_it_though_they_are_all_there_was) {
  fail(3);
  BOOST_TEST(tested.admits(now));
}

BOOST_AUTO_TEST_CASE(many_failures_do_not_open_it_while_more_succeeds) {
  succeed(100);
  fail(99);
  BOOST_TEST(tested.admits(now));
  fail(1);
  BOOST_TEST(!tested.admits(now));
}

BOOST_AUTO_TEST_CASE(what_left_the_window_is_forgotten) {
  fail(3);
  now += 11s;
  fail(3);
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(seen().failures == 3);
  now += 5s;
  fail(1);
  BOOST_TEST(!tested.admits(now));
}

BOOST_AUTO_TEST_CASE(the_window_moves_on_piece_by_piece) {
  for (int i = 0; i < 10; ++i) {
    succeed(1);
    now += 1s;
  }
  BOOST_TEST(seen().successes == 9);
  now += 5s;
  BOOST_TEST(seen().successes == 4);
  now += 100s;
  BOOST_TEST(seen().successes == 0);
}

BOOST_AUTO_TEST_CASE(what_took_too_long_counts_as_failed) {
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST(tested.admits(now));
    tested.succeeded(now, 1s + 1ms);
  }
  BOOST_TEST(!tested.admits(now));
  BOOST_TEST(seen().slow == 4);
  BOOST_TEST(seen().successes == 0);
  BOOST_TEST(seen().failures == 0);
}

BOOST_AUTO_TEST_CASE(while_it_is_open_it_refuses_and_says_when_to_come_back) {
  fail(4);
  now += 500ms;
  BOOST_TEST(!tested.admits(now));
  BOOST_TEST(!tested.admits(now));
  BOOST_TEST((tested.retry_after(now) == 1'500ms));
  now += 1'499ms + 999us;
  BOOST_TEST(!tested.admits(now));
  BOOST_TEST((tested.retry_after(now) == 1ms));
  BOOST_TEST(seen().refused == 3);
  BOOST_TEST(seen().opened == 1);
}

BOOST_AUTO_TEST_CASE(after_the_pause_a_few_probes_go_through_and_their_success_closes_it) {
  fail(4);
  now += 2s;
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(is(state::half_open));
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(!tested.admits(now));
  succeed(1);
  BOOST_TEST(is(state::half_open));
  succeed(1);
  BOOST_TEST(is(state::closed));
  BOOST_TEST(tested.admits(now));
  BOOST_TEST((told == std::vector{opened, probing, mended}));
}

BOOST_AUTO_TEST_CASE(what_failed_before_it_closed_does_not_open_it_again) {
  fail(4);
  now += 2s;
  tested.admits(now);
  succeed(2);
  fail(3);
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(seen().failures == 3);
}

BOOST_AUTO_TEST_CASE(a_probe_that_fails_opens_it_again) {
  fail(4);
  now += 2s;
  BOOST_TEST(tested.admits(now));
  succeed(1);
  fail(1);
  BOOST_TEST(!tested.admits(now));
  BOOST_TEST((tested.retry_after(now) == 2s));
  now += 2s;
  BOOST_TEST(tested.admits(now));
  succeed(1); // The success before it opened again does not count.
  BOOST_TEST(is(state::half_open));
  BOOST_TEST((told == std::vector{opened, probing, reopened, probing}));
  BOOST_TEST(seen().opened == 2);
}

BOOST_AUTO_TEST_CASE(probes_that_are_lost_are_followed_by_others) {
  fail(4);
  now += 2s;
  tested.admits(now);
  tested.admits(now);
  BOOST_TEST(!tested.admits(now));
  BOOST_TEST((tested.retry_after(now) == 2s));
  now += 2s;
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(!tested.admits(now));
  succeed(2);
  BOOST_TEST(is(state::closed));
}

BOOST_AUTO_TEST_CASE(a_backlog_that_drains_after_the_pause_closes_it_and_within_it_does_not) {
  fail(4);
  now += 1s;
  succeed(10);
  BOOST_TEST(is(state::open));
  now += 1s;
  succeed(1);
  BOOST_TEST(is(state::half_open));
  succeed(1);
  BOOST_TEST(is(state::closed));
  BOOST_TEST((told == std::vector{opened, probing, mended}));
}

BOOST_AUTO_TEST_CASE(failures_of_what_was_under_way_do_not_prolong_the_pause) {
  fail(4);
  now += 1'999ms;
  fail(10);
  now += 1ms;
  BOOST_TEST(tested.admits(now));
  BOOST_TEST(seen().opened == 1);
}

BOOST_AUTO_TEST_CASE(one_that_is_switched_off_admits_everything_and_counts_nothing) {
  breaker off{{.enabled = false, .failures_min = 1}};
  off.failed(now);
  off.succeeded(now, 1h);
  off.succeeded(now);
  BOOST_TEST(off.admits(now));
  const auto health = off.health(now);
  BOOST_TEST((health.state == state::closed));
  BOOST_TEST(health.failures + health.slow + health.successes == 0);
}

BOOST_AUTO_TEST_CASE(counts_stay_right_when_many_threads_count_while_the_window_moves_on) {
  constexpr int threads = 4;
  constexpr int each = 100'000;
  breaker shared{{.window = 10s, .failures_min = 1'000'000}};
  std::latch start{threads};
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&shared, &start, this] {
      start.arrive_and_wait();
      for (int n = 0; n < each; ++n) {
        // Eight seconds pass, so all of it lies within the window at the end.
        const auto at = now + std::chrono::milliseconds{n * 8'000 / each};
        shared.succeeded(at);
        if (n % 10 == 0) {
          shared.failed(at);
        }
        if (!shared.admits(at)) {
          return;
        }
      }
    });
  }
  for (auto& one : running) {
    one.join();
  }
  const auto health = shared.health(now + 8s);
  BOOST_TEST(health.successes == threads * each);
  BOOST_TEST(health.failures == threads * each / 10);
}

BOOST_AUTO_TEST_CASE(many_threads_open_it_once_and_share_the_probes) {
  std::atomic<int> openings{0};
  breaker shared{{.failures_min = 100, .open_for = 2s, .probes = 5},
                 [&openings](state, state to) { openings += to == state::open ? 1 : 0; }};
  std::atomic<int> admitted{0};
  std::vector<std::thread> running;
  for (int i = 0; i < 4; ++i) {
    running.emplace_back([&, this] {
      for (int n = 0; n < 1'000; ++n) {
        shared.failed(now);
      }
      for (int n = 0; n < 1'000; ++n) {
        admitted += shared.admits(now + 1s) ? 1 : 0;
      }
    });
  }
  for (auto& one : running) {
    one.join();
  }
  BOOST_TEST(openings == 1);
  BOOST_TEST(admitted == 0);
  BOOST_TEST(shared.health(now).refused == 4'000);
}

BOOST_AUTO_TEST_SUITE_END()
