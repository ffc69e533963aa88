#pragma once

#include <cstdint>
#include <mutex>

namespace millrace::storage::sqlite {

/// Lets only the writer that was opened last do anything. Shared by all writers of a database; for any thread.
class fence {
public:
  using pass = std::uint64_t;

  /// Ends all that earlier passes allow. A call that runs under one of them is waited for.
  pass renew() {
    const std::lock_guard lock{calls_};
    return ++newest_;
  }

  /// Held as long as a call runs. Empty where a later pass was given out.
  std::unique_lock<std::mutex> enter(pass given) {
    std::unique_lock lock{calls_};
    if (given != newest_) {
      lock.unlock();
    }
    return lock;
  }

private:
  std::mutex calls_;
  pass newest_ = 0;
};

} // namespace millrace::storage::sqlite
