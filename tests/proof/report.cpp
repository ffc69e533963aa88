#include "report.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

namespace millrace::test {

namespace {

/// What failed in the case that runs, so that no proof need count it.
std::uint64_t failed_checks() {
  const auto running = boost::unit_test::framework::current_test_case_id();
  const auto& so_far = boost::unit_test::results_collector.results(running);
  return so_far.p_assertions_failed;
}

} // namespace

void report(const proof_result& result) {
  static std::mutex mutex;
  const std::lock_guard lock{mutex};
  const auto failures = std::max(result.failures, failed_checks());
  BOOST_TEST_MESSAGE(result.proof << ": " << result.times << " " << result.injected << ", " << failures << " failures. "
                                  << result.detail);
  if (const char* file = std::getenv("MILLRACE_PROOF_REPORT")) {
    std::ofstream out{file, std::ios::app};
    out << nlohmann::json{{"proof", result.proof},
                          {"injected", result.injected},
                          {"times", result.times},
                          {"failures", failures},
                          {"detail", result.detail}}
             .dump()
        << "\n";
  }
}

} // namespace millrace::test
