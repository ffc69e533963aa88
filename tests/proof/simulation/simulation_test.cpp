#include "simulation.hpp"

#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include <spdlog/spdlog.h>

#include <boost/test/unit_test.hpp>

namespace millrace::test::simulated {

namespace {

/// Killed actors are nothing to write home about.
struct quiet {
  spdlog::level::level_enum before = spdlog::get_level();
  quiet() {
    spdlog::set_level(std::getenv("MILLRACE_TEST_SEED") == nullptr ? spdlog::level::off : spdlog::level::info);
  }
  quiet(const quiet&) = delete;
  quiet& operator=(const quiet&) = delete;
  ~quiet() { spdlog::set_level(before); }
};

/// On a fast place: what is durable is decided by the simulated disk.
class scratch {
public:
  result play(std::uint64_t seed) {
    const auto folder = folder_.path() / std::to_string(seed);
    std::filesystem::create_directory(folder);
    auto played = run{seed, folder}.play();
    std::filesystem::remove_all(folder);
    return played;
  }

private:
  temporary_folder folder_{fast_place()};
};

std::string text(const std::map<std::string, std::uint64_t>& counts) {
  std::string all;
  for (const auto& [what, times] : counts) {
    all += (all.empty() ? "" : ", ") + std::to_string(times) + " " + what;
  }
  return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(simulation_suite)

BOOST_AUTO_TEST_CASE(no_promise_is_broken_whatever_the_seed_brings) {
  const quiet calm;
  scratch files;
  const auto only = from_environment("MILLRACE_TEST_SEED", 0);
  const auto first = only != 0 ? only : from_environment("MILLRACE_PROOF_FIRST_SEED", 1);
  const auto seeds = only != 0 ? 1 : from_environment("MILLRACE_PROOF_SEEDS", 1'000);
  std::map<std::string, std::uint64_t> counts;
  std::uint64_t failures = 0;
  auto seed = first;
  for (; seed < first + seeds && failures < 10; ++seed) {
    BOOST_TEST_CHECKPOINT("MILLRACE_TEST_SEED=" << seed); // Told of where it ends in a crash.
    const auto played = files.play(seed);
    for (const auto& [what, times] : played.counts) {
      counts[what] += times;
    }
    failures += played.complaints.empty() ? 0 : 1;
    for (const auto& complaint : played.complaints) {
      BOOST_ERROR(complaint << "; again by MILLRACE_TEST_SEED=" << seed
                            << " test_proof --run_test=simulation_suite/no_promise_is_broken_whatever_the_seed_brings");
    }
  }
  BOOST_TEST(failures == 0);
  BOOST_TEST(counts["acknowledged"] >= seeds / 2);
  BOOST_TEST(counts["answered reads"] >= seeds / 2);
  report({.proof = "simulation",
          .injected = "seeds",
          .times = seed - first,
          .failures = failures,
          .detail = "From seed " + std::to_string(first) + ": " + text(counts) + "."});
}

BOOST_AUTO_TEST_CASE(a_seed_replays_a_run_exactly) {
  const quiet calm;
  scratch files;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto once = files.play(seed);
    const auto again = files.play(seed);
    BOOST_TEST(once.trace == again.trace, "seed " << seed << " gave two runs");
    BOOST_TEST(once.trace != files.play(seed + 1).trace);
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace millrace::test::simulated
