#include "report.hpp"

#include <cstdlib>
#include <fstream>
#include <mutex>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

namespace millrace::test {

void report(const proof_result& result) {
  static std::mutex mutex;
  const std::lock_guard lock{mutex};
  BOOST_TEST_MESSAGE(result.proof << ": " << result.times << " " << result.injected << ", " << result.failures
                                  << " failures. " << result.detail);
  if (const char* file = std::getenv("MILLRACE_PROOF_REPORT")) {
    std::ofstream out{file, std::ios::app};
    out << nlohmann::json{{"proof", result.proof},
                          {"injected", result.injected},
                          {"times", result.times},
                          {"failures", result.failures},
                          {"detail", result.detail}}
             .dump()
        << "\n";
  }
}

} // namespace millrace::test
