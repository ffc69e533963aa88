#include "part_size.hpp"

#include <algorithm>

namespace millrace {

void part_size::learn(std::uint64_t rows, std::chrono::microseconds took) noexcept {
  constexpr std::uint64_t rows_max = 100'000;
  if (rows == 0) {
    return;
  }
  const auto each = std::max(0.01, static_cast<double>(took.count()) / static_cast<double>(rows));
  const auto fitting = static_cast<std::uint64_t>(static_cast<double>(wanted.count()) / each);
  rows_ = std::clamp<std::uint64_t>(fitting, 1, std::min(2 * rows_, rows_max));
  time_ = std::chrono::microseconds{static_cast<std::int64_t>(each * static_cast<double>(rows_))};
}

void part_size::cut() noexcept {
  rows_ = std::max<std::uint64_t>(rows_ / 8, 1);
  time_ = wanted;
}

} // namespace millrace
