#include <millrace/tests/proof/history/history_examination.hpp>
#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>

#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace::test;
using namespace millrace::test::histories;

constexpr std::uint64_t lives = 3;

/// The names of all patches beside this file.
std::vector<std::string> bugs() {
  std::istringstream names{MILLRACE_PLANTED_BUGS};
  return {std::istream_iterator<std::string>{names}, {}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(planted_bugs_suite)

/// Otherwise it would say nothing that something is found.
BOOST_AUTO_TEST_CASE(nothing_is_found_while_no_bug_is_made) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", 1);
  std::uint64_t operations = 0;
  for (std::uint64_t round = 0; round < 3; ++round) {
    const auto found = run_history(seed + round, lives, "", operations);
    BOOST_TEST(found.empty(), "seed " << seed + round << ": " << (found.empty() ? "" : found.front()));
  }
}

BOOST_AUTO_TEST_CASE(every_planted_bug_is_found) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", 1);
  const auto rounds_max = from_environment("MILLRACE_PLANTED_ROUNDS", 30);
  const char* only = std::getenv("MILLRACE_PLANTED_ONLY");
  std::uint64_t tried = 0;
  std::uint64_t missed = 0;
  std::uint64_t operations = 0;
  for (const auto& bug : bugs()) {
    if (only != nullptr && bug != only) {
      continue;
    }
    ++tried;
    std::vector<std::string> found;
    std::uint64_t round = 0;
    for (; round < rounds_max && found.empty(); ++round) {
      found = run_history(seed + round, lives, bug, operations);
    }
    missed += found.empty() ? 1 : 0;
    BOOST_TEST(!found.empty(), "not found in " << rounds_max << " rounds; repeat with MILLRACE_PLANTED_ONLY=" << bug
                                               << " MILLRACE_TEST_SEED=" << seed);
    for (const auto& sentence : found) {
      BOOST_TEST_MESSAGE(bug << ", round " << round << ": " << sentence);
    }
  }
  report({.proof = "planted bugs",
          .injected = "bugs",
          .times = tried,
          .failures = missed,
          .detail = std::to_string(tried - missed) + " of " + std::to_string(tried) + " found, seed "
                    + std::to_string(seed) + ", " + std::to_string(operations) + " operations"});
  BOOST_TEST(tried > 0, "there is no planted bug MILLRACE_PLANTED_ONLY=" << (only == nullptr ? "" : only));
}

BOOST_AUTO_TEST_SUITE_END()
