#pragma once

#include "baseline.hpp"
#include "bench_run.hpp"

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace millrace::tools {

/// What was measured beside the engine, on the same disk.
struct bench_comparison {
  baseline_rate pool;
  unsigned pool_threads = 0;                 ///< The better of the numbers that were tried.
  std::optional<baseline_rate> group_commit; ///< For writes only.
  double raw_per_second = 0.0;
  double fdatasync_us = 0.0;
};

/// One more thing that a workload of its own kind came to.
struct bench_figure {
  std::string key; ///< In JSON, the unit last.
  std::string title;
  double value = 0.0;
  std::string text; ///< The value as people read it.
};

/// What a benchmark came to.
struct bench_result {
  std::string workload;
  std::size_t clients = 0;
  double seconds = 0.0; ///< Of the measured window.
  bench_totals totals;  ///< Empty where a workload has figures only.
  std::vector<bench_figure> figures;
  bool sound = true;    ///< Whether what was checked afterwards held.
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
