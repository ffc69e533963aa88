#include "history_examination.hpp"

#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>

#include <random>
#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace::test;
using namespace millrace::test::histories;

} // namespace

BOOST_AUTO_TEST_SUITE(history_suite)

BOOST_AUTO_TEST_CASE(what_clients_saw_is_what_the_database_and_its_log_hold_however_the_processes_ended) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const auto rounds = from_environment("MILLRACE_HISTORY_ROUNDS", 8);
  constexpr std::uint64_t lives = 4;
  std::uint64_t operations = 0;
  std::uint64_t broken = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto found = run_history(seed + round, lives, "", operations);
    broken += found.empty() ? 0 : 1;
    for (const auto& sentence : found) {
      BOOST_ERROR("repeat with MILLRACE_TEST_SEED=" << seed + round << " MILLRACE_HISTORY_ROUNDS=1: " << sentence);
    }
  }
  BOOST_TEST(operations > 0);
  report({.proof = "history",
          .injected = "operations checked",
          .times = operations,
          .failures = broken,
          .detail = std::to_string(rounds) + " rounds of " + std::to_string(lives) + " processes that ended, seed "
                    + std::to_string(seed)});
}

BOOST_AUTO_TEST_SUITE_END()
