#pragma once

#include <millrace/actors/base/monotonic_time.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

namespace millrace {

/// When all readers together begin no snapshot, so that there comes a moment without one and the database's log, which
/// cannot be emptied otherwise, begins anew: for as long as it takes the older ones to end. Where that helped nothing
/// somebody else reads. Then it is tried again, each time after twice as long, as he may be gone. Any thread.
class snapshot_pause {
public:
  /// Of readers that hold a snapshot for so long at most.
  explicit snapshot_pause(std::chrono::milliseconds lease) noexcept : each_(lease + grace) {}

  /// `starving` tells whether the log cannot be emptied.
  bool holds(bool starving, monotonic_time now) {
    if (!starving) {
      if (begun_.load(std::memory_order_relaxed)) {
        const std::lock_guard lock{mutex_};
        begun_ = false;
      }
      return false;
    }
    const std::lock_guard lock{mutex_};
    if (!begun_.exchange(true)) {
      first_ = now;
      begin(now);
    } else if (now >= next_) {
      begin(now);
    }
    return now < until_;
  }

private:
  static constexpr std::chrono::milliseconds grace{250};
  static constexpr std::chrono::minutes between_max{5};

  void begin(monotonic_time now) noexcept {
    until_ = now + each_;
    next_ = until_ + std::min<monotonic_time::duration>(until_ - first_, between_max);
  }

  std::chrono::milliseconds each_;
  std::mutex mutex_; ///< Guards what follows, but that `begun_` is read without it.
  std::atomic<bool> begun_ = false;
  monotonic_time first_{};
  monotonic_time until_{};
  monotonic_time next_{}; ///< When it is tried again.
};

} // namespace millrace
