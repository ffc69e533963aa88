#include <millrace/actors/engine/breaker_log.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

struct log_fixture {
  breaker_log tested{"queries"};
  breaker_log::clock::time_point now{};

  std::string line(breaker_state to) { return tested.line(to, now).value_or(""); }

  /// The lines of a probe that fails each second.
  int lines_of(std::chrono::seconds time) {
    int lines = 0;
    for (const auto end = now + time; now < end; now += std::chrono::seconds{1}) {
      lines += line(breaker_state::half_open).empty() ? 0 : 1;
      lines += line(breaker_state::open).empty() ? 0 : 1;
    }
    return lines;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(breaker_log_suite, log_fixture)

BOOST_AUTO_TEST_CASE(it_says_that_a_breaker_opened_and_that_it_closed) {
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(line(breaker_state::open) == "the circuit breaker for queries is open");
    now += std::chrono::seconds{3};
    BOOST_TEST(line(breaker_state::half_open).empty());
    BOOST_TEST(line(breaker_state::closed) == "the circuit breaker for queries is closed again after 3 s");
    BOOST_TEST(line(breaker_state::closed).empty());
  }
}

BOOST_AUTO_TEST_CASE(a_breaker_that_stays_open_is_said_to_every_five_minutes) {
  BOOST_TEST(lines_of(std::chrono::seconds{299}) == 1);
  BOOST_TEST(lines_of(std::chrono::seconds{3'000}) == 10);
  now += std::chrono::minutes{5};
  BOOST_TEST(line(breaker_state::open).find("is open still: what was let through 3299 times in 3599 s")
             != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
