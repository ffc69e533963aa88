#pragma once

#include "bench_run.hpp"

#include <optional>
#include <ostream>
#include <string>

namespace millrace::tools {

/// What was measured beside the engine, on the same disk.
struct bench_comparison {
  double pool_per_second = 0.0;
  unsigned pool_threads = 0; ///< The better of the numbers that were tried.
  double raw_per_second = 0.0;
  double fdatasync_us = 0.0;
};

/// What a benchmark came to.
struct bench_result {
  std::string workload;
  std::size_t clients = 0;
  double seconds = 0.0; ///< Of the measured window.
  bench_totals totals;
  double rss_mib = 0.0; ///< At the end of the window.
  std::optional<bench_comparison> comparison;

  double per_second() const noexcept;
};

/// For people: a line per figure.
void print_result(std::ostream& out, const bench_result& result);

/// One JSON object on one line.
void print_result_json(std::ostream& out, const bench_result& result);

/// `"overloaded 17, locked 2"`; empty where nothing failed.
std::string failures_text(const bench_totals& totals);

} // namespace millrace::tools
