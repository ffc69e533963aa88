#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace millrace::tools {

/// Counts client actors that are still at work, so that a thread can wait for the last of them. Any thread.
class live_count {
public:
  void add() {
    const std::lock_guard lock{mutex_};
    ++live_;
  }

  void remove() {
    const std::lock_guard lock{mutex_};
    if (--live_ == 0) {
      changed_.notify_all();
    }
  }

  /// Whether all were gone within `patience`.
  bool wait_empty(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [this] { return live_ == 0; });
  }

  std::size_t count() const {
    const std::lock_guard lock{mutex_};
    return live_;
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t live_ = 0;
};

} // namespace millrace::tools
