#include "bench_compare.hpp"

#include "sync_probe.hpp"

#include <millrace/tools/millrace/common/process.hpp>

#include <algorithm>
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

/// The better of the pools, neither with more threads than there are clients.
tl::expected<void, std::string> compare_pools(const baseline_task& task, progress_line& progress,
                                              bench_comparison& result) {
  for (const auto size : pool_sizes) {
    const auto threads = static_cast<unsigned>(std::min<std::size_t>(size, task.clients));
    if (threads == result.pool_threads || interrupted()) {
      continue;
    }
    progress.message(fmt::format("comparing: SQLite, {} threads with a connection each", threads));
    const auto rate = on_fresh_table(task, result.pool_threads == 0, [&] { return pool_rate(task, threads); });
    if (!rate) {
      return tl::unexpected{rate.error()};
    }
    if (result.pool_threads == 0 || rate->per_second > result.pool.per_second) {
      result.pool = *rate;
      result.pool_threads = threads;
    }
  }
  return {};
}

} // namespace

tl::expected<bench_comparison, std::string> compare(const baseline_task& task, progress_line& progress) {
  bench_comparison result;
  if (const auto pools = compare_pools(task, progress, result); !pools) {
    return tl::unexpected{pools.error()};
  }
  if (task.kind == workload::append || task.kind == workload::upsert) {
    progress.message(fmt::format("comparing: SQLite, one thread that commits for {} clients", task.clients));
    const auto group = on_fresh_table(task, false, [&] { return group_rate(task); });
    if (!group) {
      return tl::unexpected{group.error()};
    }
    result.group_commit = *group;
  }
  progress.message("comparing: SQLite, one thread without durability");
  const auto raw = on_fresh_table(task, false, [&] { return raw_rate(task); });
  if (!raw) {
    return tl::unexpected{raw.error()};
  }
  result.raw_per_second = raw->per_second;
  progress.message("comparing: fdatasync");
  const auto sync = fdatasync_us(task.folder);
  if (!sync) {
    return tl::unexpected{sync.error()};
  }
  result.fdatasync_us = *sync;
  return result;
}

} // namespace millrace::tools
