#include "history_examination.hpp"

#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace::test;
using namespace millrace::test::histories;

/// Each stands as `planted("…")` where the engine makes it.
constexpr std::string_view bugs[] = {
  "durable_before_sync",       // Acknowledges before the sync.
  "folder_not_synced",         // A segment's name is not synced.
  "checksum_ignored",          // Takes a torn frame for whole.
  "unwitnessed_frame_dropped", // Recovery leaves out the last frame.
  "recycled_early",            // Gives up segments of which nothing is checkpointed.
  "checkpoint_ahead",          // Reports a checkpoint as complete that a reader cut short.
  "applied_before_commit",     // Answers what is durable as applied.
  "applied_seq_forgotten",     // A commit leaves the old applied_seq.
  "work_skipped",              // Passes over a transaction and answers it.
  "neighbours_swapped",        // Applies two transactions of a batch in each other's place.
  "failure_answered_ok",       // Answers a transaction that failed as done.
  "group_not_undone",          // Leaves what a failed group did.
  "outcome_not_recorded",      // Loses the outcomes of named transactions.
  "neighbours_outcome",        // Answers a resend with the outcome of the transaction beside it.
  "resend_applied",            // Applies a resend as if it were new.
  "names_not_loaded",          // Takes all names for fresh after a restart.
  "skip_order_forgotten",      // Recovery applies what was skipped.
  "linearizable_not_waiting",  // A linearizable read sees what happens to be applied.
  "at_least_not_waiting",      // So does a read at least at a seq.
  "snapshot_kept",             // A reader answers from an old snapshot.
};

} // namespace

BOOST_AUTO_TEST_SUITE(planted_bugs_suite)

BOOST_AUTO_TEST_CASE(every_planted_bug_is_found) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", 1);
  const auto rounds_max = from_environment("MILLRACE_PLANTED_ROUNDS", 30);
  const char* only = std::getenv("MILLRACE_PLANTED_ONLY");
  constexpr std::uint64_t lives = 3;
  std::uint64_t tried = 0;
  std::uint64_t missed = 0;
  std::uint64_t operations = 0;
  for (const auto bug : bugs) {
    if (only != nullptr && bug != only) {
      continue;
    }
    ++tried;
    std::vector<std::string> found;
    std::uint64_t round = 0;
    for (; round < rounds_max && found.empty(); ++round) {
      found = run_history(seed + round, lives, std::string{bug}, operations);
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
          .detail = "seed " + std::to_string(seed) + ", " + std::to_string(operations) + " operations"});
}

BOOST_AUTO_TEST_SUITE_END()
