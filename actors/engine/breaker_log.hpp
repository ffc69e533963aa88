#pragma once

#include <millrace/messages/health.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace millrace {

/// What the log says of a circuit breaker: that it opened, now and then that it is open still, and that it is closed
/// again. While what lies behind it is away it lets probes through each second, and each of them fails. Any thread.
class breaker_log {
public:
  using clock = std::chrono::steady_clock;

  /// `what` it guards, as in "the circuit breaker for queries".
  explicit breaker_log(std::string what) : what_(std::move(what)) {}

  /// The line for a change that came about `now`; nothing where it says nothing new.
  std::optional<std::string> line(breaker_state to, clock::time_point now);

private:
  std::string what_;
  std::mutex mutex_;                        ///< Guards all below.
  std::optional<clock::time_point> opened_; ///< Nothing while it is closed.
  clock::time_point said_;                  ///< When the log said last that it is open.
  std::uint64_t in_vain_ = 0;               ///< How often it opened again since `opened_`.
};

} // namespace millrace
