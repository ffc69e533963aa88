#include <millrace/storage/sqlite/write/work_clock.hpp>

#include <chrono>
#include <thread>

#include <boost/test/unit_test.hpp>

using namespace millrace::storage::sqlite;
using namespace std::chrono_literals;

namespace {

std::chrono::nanoseconds all_of(work_clock& clock) {
  std::chrono::nanoseconds all{0};
  for (const auto& one : clock.take()) {
    all += one.took;
  }
  return all;
}

void compute(std::chrono::nanoseconds so_long) {
  for (const auto end = computed_by_thread() + so_long; computed_by_thread() < end;) {}
}

} // namespace

BOOST_AUTO_TEST_SUITE(sqlite_work_clock_suite)

BOOST_AUTO_TEST_CASE(a_machine_that_is_busy_with_others_accuses_nobody) {
  work_clock clock;
  clock.begin();
  std::this_thread::sleep_for(100ms);
  clock.note(1);
  BOOST_TEST((all_of(clock) < 50ms));
}

BOOST_AUTO_TEST_CASE(many_short_pieces_take_together_what_they_computed) {
  work_clock clock;
  clock.begin();
  for (std::uint64_t seq = 1; seq <= 300; ++seq) {
    compute(500us);
    clock.note(seq);
  }
  BOOST_TEST((all_of(clock) > 100ms));
  BOOST_TEST(clock.take().empty());
}

BOOST_AUTO_TEST_CASE(an_attempt_is_over_after_a_second) {
  work_clock clock;
  clock.begin();
  BOOST_TEST(!clock.is_over());
  std::this_thread::sleep_for(1'100ms);
  clock.note(1);
  BOOST_TEST(clock.is_over());
  clock.begin();
  BOOST_TEST(!clock.is_over());
}

BOOST_AUTO_TEST_SUITE_END()
