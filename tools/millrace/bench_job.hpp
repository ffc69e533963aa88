#pragma once

#include "baseline.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::tools {

/// What the command line of `millrace bench` says.
struct bench_settings {
  std::string data; ///< Empty for a scratch folder.
  millrace::tools::workload workload = millrace::tools::workload::append;
  std::size_t clients = 1000;
  double seconds = 10.0;
  std::uint64_t rows = 1'000'000;
  double reads = 0.9;
  std::size_t payload_bytes = 90;
  double timeout_seconds = 0.0; ///< Of each request; 0 for none.
  bool compare = false;
  double compare_seconds = 0.0; ///< 0 for as long as the run, at most 5.
  bool json = false;
};

/// Runs a benchmark from making the folder to printing the result. Returns the exit code.
int run_bench(const bench_settings& settings);

} // namespace millrace::tools
