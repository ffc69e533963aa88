#pragma once

#include <algorithm>
#include <chrono>

namespace millrace::network {

/// How many of something may come: so many at once, and then so many a second.
class allowance {
public:
  using time_point = std::chrono::steady_clock::time_point;

  allowance(double at_once, double per_second) noexcept : at_once_(at_once), per_second_(per_second), left_(at_once) {}

  /// Takes one. False where there is none left at `now`.
  bool take(time_point now) noexcept {
    if (now > since_) {
      const auto passed = since_ == time_point{} ? 0.0 : std::chrono::duration<double>(now - since_).count();
      left_ = std::min(at_once_, left_ + passed * per_second_);
      since_ = now;
    }
    if (left_ < 1.0) {
      return false;
    }
    left_ -= 1.0;
    return true;
  }

private:
  double at_once_;
  double per_second_;
  double left_;
  time_point since_{};
};

} // namespace millrace::network
