#pragma once

#include "baseline.hpp"

#include <millrace/actors/base/histogram.hpp>
#include <millrace/messages/error.hpp>
#include <millrace/tools/millrace/common/live_count.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <caf/duration.hpp>

namespace millrace::tools {

/// What every client of a benchmark does.
struct bench_profile {
  workload kind = workload::append;
  std::uint64_t rows = 0;
  double reads = 0.0;
  std::string payload;
  caf::duration timeout = caf::infinite; ///< Of each request.
  std::size_t inserts = 1;               ///< Per transaction of `workload::append`.
  /// Whether each write is an insert into a table that tells afterwards whether it is there once; what has no definite
  /// answer is then sent again, under its name.
  bool kept = false;
};

enum class bench_phase : std::uint8_t { warm_up, measured, over };

/// What was counted inside the measured window.
struct bench_totals {
  histogram latencies;
  std::array<std::uint64_t, 256> failures{}; ///< By `errc`; `none` counts reads that found no row.

  std::uint64_t operations() const noexcept { return latencies.count(); }
  std::uint64_t failed() const noexcept;
  std::uint64_t answered() const noexcept { return operations() + failed(); }
  void merge(const bench_totals& other);
};

/// What all clients of one benchmark share. Each scheduler thread counts for itself, so that counting costs no lock
/// and a thousand clients need no thousand histograms.
class bench_run {
public:
  using clock = std::chrono::steady_clock;

  explicit bench_run(bench_profile profile);

  const bench_profile& profile() const noexcept { return profile_; }

  bench_phase phase() const noexcept { return phase_.load(std::memory_order_relaxed); }
  void enter(bench_phase phase) noexcept { phase_.store(phase, std::memory_order_relaxed); }

  /// Whether transactions are named from now on; not at first.
  bool naming() const noexcept { return naming_.load(std::memory_order_relaxed); }
  void name_writes(bool named) noexcept { naming_.store(named, std::memory_order_relaxed); }

  void succeeded(clock::duration latency);
  void failed(errc code);

  /// Operations answered so far, in every phase. Any thread.
  std::uint64_t answered() const;

  /// Only once no client is left.
  bench_totals totals() const;

  live_count clients;

  /// What one client of a `kept` run was acknowledged: its rows are numbered from 1 to this.
  struct kept_rows {
    std::size_t client = 0;
    std::atomic<std::uint64_t> acknowledged = 0;
  };
  /// A place for one more client; it stays where it is.
  kept_rows& keep();
  const std::deque<kept_rows>& kept() const noexcept { return kept_; } ///< Only once no client is left.
  std::atomic<std::uint64_t> resent = 0;
  /// Requests sent inside the measured window, where clients count them.
  std::atomic<std::uint64_t> offered = 0;

private:
  struct alignas(64) shard {
    std::atomic<std::uint64_t> answered = 0; ///< Written by its thread alone.
    bench_totals totals;
  };

  shard& mine();
  void count(shard& one) noexcept;

  bench_profile profile_;
  std::uint64_t id_; ///< Tells this run's shards from those of an earlier one at the same address.
  std::atomic<bench_phase> phase_ = bench_phase::warm_up;
  std::atomic<bool> naming_ = false;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<shard>> shards_;
  std::deque<kept_rows> kept_;
};

} // namespace millrace::tools
