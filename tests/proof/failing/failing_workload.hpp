#pragma once

#include "failing_files.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

namespace millrace::test {

/// What a workload of which one file operation failed came to.
struct workload_result {
  std::vector<std::string> broken; ///< Promises that did not hold, a sentence each.
  std::string struck;              ///< The operation that failed; empty where the workload ended before it.
  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;
  std::uint64_t refused_opens = 0; ///< Attempts to open that failed.
  std::uint64_t escalations = 0;
  std::uint64_t operations = 0; ///< Of the kind that the fault counts.
};

/// A new data folder is opened, written and read by a few clients at once, closed, opened again and looked through;
/// meanwhile one operation fails, or all from that one on for a while. Where the engine asks for the process's end, it
/// gets it: whatever it does after that fails, until it is opened again.
workload_result run_workload(caf::actor_system& system, const std::filesystem::path& folder, const file_fault& fault);

} // namespace millrace::test
