#pragma once

#include <chrono>
#include <cstdint>

namespace millrace {

/// How many rows each part of a backfill is to have, so that others never wait long for one. Pure.
class part_size {
public:
  /// What a part is to take the writer: little beside a commit's sync, and much beside its own overhead.
  static constexpr std::chrono::microseconds wanted{4'000};
  /// After which one is called off and cut up, unless it has one row: what comes next may be of another kind.
  static constexpr std::chrono::milliseconds longest{500};

  std::uint64_t rows() const noexcept { return rows_; }
  /// What a part of that size is expected to take. As long others are to have the writer for themselves.
  std::chrono::microseconds time() const noexcept { return time_; }

  /// Takes note of what so many rows took. The size at most doubles.
  void learn(std::uint64_t rows, std::chrono::microseconds took) noexcept;
  /// After one that was called off.
  void cut() noexcept;

private:
  std::uint64_t rows_ = 64;
  std::chrono::microseconds time_ = wanted;
};

} // namespace millrace
