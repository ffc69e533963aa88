#include "bench_compare.hpp"

#include "process.hpp"
#include "sync_probe.hpp"

#include <array>
#include <functional>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

constexpr std::array pool_sizes{8U, 64U};

/// A table that only grows begins empty for each baseline; one of a fixed size serves them all.
rate_result on_fresh_table(const baseline_task& task, bool first, const std::function<rate_result()>& measure) {
  if (first || task.kind == workload::append) {
    if (auto prepared = prepare_baseline(task); !prepared) {
      return tl::unexpected{prepared.error()};
    }
  }
  return measure();
}

} // namespace

tl::expected<bench_comparison, std::string> compare(const baseline_task& task, progress_line& progress) {
  bench_comparison result;
  bool first = true;
  for (const auto threads : pool_sizes) {
    progress.message(fmt::format("comparing: SQLite, {} threads with a connection each", threads));
    const auto rate = on_fresh_table(task, first, [&] { return pool_rate(task, threads); });
    if (!rate || interrupted()) {
      return rate ? tl::expected<bench_comparison, std::string>{result} : tl::unexpected{rate.error()};
    }
    if (first || *rate > result.pool_per_second) {
      result.pool_per_second = *rate;
      result.pool_threads = threads;
    }
    first = false;
  }
  progress.message("comparing: SQLite, one thread without durability");
  const auto raw = on_fresh_table(task, false, [&] { return raw_rate(task); });
  if (!raw) {
    return tl::unexpected{raw.error()};
  }
  result.raw_per_second = *raw;
  progress.message("comparing: fdatasync");
  const auto sync = fdatasync_us(task.folder);
  if (!sync) {
    return tl::unexpected{sync.error()};
  }
  result.fdatasync_us = *sync;
  return result;
}

} // namespace millrace::tools
