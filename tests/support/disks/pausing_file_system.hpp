#pragma once

#include "forwarding_file_system.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace millrace::test {

/// The machine's files, where a sync can be made to wait until it is let go. Any thread.
class pausing_file_system final : public forwarding_file_system {
public:
  ~pausing_file_system() override { release(); }

  /// Every sync waits from now on.
  void hold() {
    const std::lock_guard lock{mutex_};
    holding_ = true;
  }
  void release() {
    const std::lock_guard lock{mutex_};
    holding_ = false;
    changed_.notify_all();
  }
  /// Waits until a sync waits; false where none does in time.
  bool holds_one(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [this] { return held_ > 0; });
  }

private:
  storage::result<> perform(const file_operation& asked, const action& proceed) override {
    if (asked.what == operation::sync) {
      wait();
    }
    return proceed();
  }

  void wait() {
    std::unique_lock lock{mutex_};
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !holding_; });
    --held_;
  }

  std::mutex mutex_; ///< Guards all below.
  std::condition_variable changed_;
  bool holding_ = false;
  int held_ = 0;
};

} // namespace millrace::test
