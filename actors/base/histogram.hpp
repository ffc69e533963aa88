#pragma once

#include <millrace/messages/health.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace millrace {

/// Counts durations in log-linear buckets (as HdrHistogram does): 64 to each power of two, so that what it reports is
/// at most 0.8 % away from what was recorded. From 0 to 2^42 ns (73 minutes); longer ones count as that long, except
/// in `max`. Fixed memory (about 19 KiB), no allocation, no lock: used by one thread at a time.
class histogram {
public:
  void record(std::chrono::nanoseconds duration) noexcept;

  /// Adds what another histogram counted.
  void merge(const histogram& other) noexcept;

  void clear() noexcept { *this = histogram{}; }

  /// The duration that `percent` of those recorded do not exceed; `percent` from 0 to 100. Zero where nothing was
  /// recorded, never more than `max`.
  std::chrono::nanoseconds percentile(double percent) const noexcept;

  std::uint64_t count() const noexcept { return count_; }
  std::chrono::nanoseconds max() const noexcept { return std::chrono::nanoseconds{static_cast<std::int64_t>(max_)}; }

private:
  static constexpr unsigned steps_log2 = 6;
  static constexpr unsigned range_log2 = 42;
  static constexpr std::size_t steps = std::size_t{1} << steps_log2;
  static constexpr std::size_t buckets = (range_log2 - steps_log2 + 1) * steps;

  static std::size_t bucket_of(std::uint64_t nanoseconds) noexcept;
  static std::uint64_t middle_of(std::size_t bucket) noexcept;

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

/// What a health report says of a histogram.
latency_summary summary(const histogram& latencies) noexcept;

} // namespace millrace
