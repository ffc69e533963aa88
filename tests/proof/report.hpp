#pragma once

#include <cstdint>
#include <string>

namespace millrace::test {

/// What one proof came to.
struct proof_result {
  std::string proof;          ///< "power loss".
  std::string injected;       ///< What was injected: "crash images".
  std::uint64_t times = 0;    ///< How many of them.
  std::uint64_t failures = 0; ///< How many showed that a promise was broken; at least the failed checks of the case.
  std::string detail;         ///< A sentence for people: seeds, operations, what was seen. May be empty.
};

/// Adds a line of JSON to the file that MILLRACE_PROOF_REPORT names, if any, and prints a sentence. Called
/// inside of a test case.
void report(const proof_result& result);

} // namespace millrace::test
