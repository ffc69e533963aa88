#include "bench_run.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace millrace::tools {

namespace {

std::atomic<std::uint64_t> runs = 0;

} // namespace

std::uint64_t bench_totals::failed() const noexcept {
  return std::accumulate(failures.begin(), failures.end(), std::uint64_t{0});
}

void bench_totals::merge(const bench_totals& other) {
  latencies.merge(other.latencies);
  std::transform(failures.begin(), failures.end(), other.failures.begin(), failures.begin(), std::plus<>{});
}

bench_run::bench_run(bench_profile profile) : profile_(std::move(profile)), id_(++runs) {}

void bench_run::succeeded(clock::duration latency) {
  auto& one = mine();
  count(one);
  if (phase() == bench_phase::measured) {
    one.totals.latencies.record(latency);
  }
}

void bench_run::failed(errc code) {
  auto& one = mine();
  count(one);
  if (phase() == bench_phase::measured) {
    ++one.totals.failures[static_cast<std::size_t>(code)];
  }
}

std::uint64_t bench_run::answered() const {
  const std::lock_guard lock{mutex_};
  std::uint64_t sum = 0;
  for (const auto& one : shards_) {
    sum += one->answered.load(std::memory_order_relaxed);
  }
  return sum;
}

bench_totals bench_run::totals() const {
  const std::lock_guard lock{mutex_};
  bench_totals sum;
  for (const auto& one : shards_) {
    sum.merge(one->totals);
  }
  return sum;
}

bench_run::kept_rows& bench_run::keep() {
  const std::lock_guard lock{mutex_};
  const auto client = kept_.size();
  auto& place = kept_.emplace_back();
  place.client = client;
  return place;
}

bench_run::shard& bench_run::mine() {
  thread_local std::uint64_t owner = 0;
  thread_local shard* cached = nullptr;
  if (owner != id_) {
    const std::lock_guard lock{mutex_};
    cached = shards_.emplace_back(std::make_unique<shard>()).get();
    owner = id_;
  }
  return *cached;
}

void bench_run::count(shard& one) noexcept {
  // A single writer: an atomic increment would only cost more.
  one.answered.store(one.answered.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

} // namespace millrace::tools
