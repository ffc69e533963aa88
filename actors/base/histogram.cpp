#include "histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace millrace {

void histogram::record(std::chrono::nanoseconds duration) noexcept {
  const auto nanoseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  ++counts_[bucket_of(nanoseconds)];
  ++count_;
  max_ = std::max(max_, nanoseconds);
}

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    counts_[bucket] += other.counts_[bucket];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds histogram::percentile(double percent) const noexcept {
  if (count_ == 0) {
    return {};
  }
  const auto share = std::clamp(percent, 0.0, 100.0) / 100.0;
  const auto share_of_count = std::ceil(share * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(share_of_count));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) {
      return std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(middle_of(bucket), max_))};
    }
  }
  return max();
}

std::size_t histogram::bucket_of(std::uint64_t nanoseconds) noexcept {
  if (nanoseconds < steps) {
    return static_cast<std::size_t>(nanoseconds);
  }
  const auto octave = static_cast<unsigned>(std::bit_width(nanoseconds)) - 1;
  if (octave >= range_log2) {
    return buckets - 1;
  }
  const auto step = static_cast<std::size_t>(nanoseconds >> (octave - steps_log2)) - steps;
  return (octave - steps_log2 + 1) * steps + step;
}

std::uint64_t histogram::middle_of(std::size_t bucket) noexcept {
  if (bucket < steps) {
    return bucket;
  }
  const auto shift = bucket / steps - 1;
  const auto first = static_cast<std::uint64_t>(steps + bucket % steps) << shift;
  return first + (std::uint64_t{1} << shift) / 2;
}

latency_summary summary(const histogram& latencies) noexcept {
  const auto microseconds = [](std::chrono::nanoseconds duration) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  };
  return {.count = latencies.count(),
          .p50_us = microseconds(latencies.percentile(50)),
          .p99_us = microseconds(latencies.percentile(99)),
          .p999_us = microseconds(latencies.percentile(99.9)),
          .max_us = microseconds(latencies.max())};
}

} // namespace millrace
