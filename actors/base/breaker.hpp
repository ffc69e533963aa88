#pragma once

#include "breaker_options.hpp"

#include <millrace/messages/health.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

namespace millrace {

/// A circuit breaker (M. Nygard, Release It!): it stops requests that would most likely fail, so that they fail at once
/// and the part that is in trouble gets a rest. Only failures of the machine count: I/O errors, a full disk, damage,
/// restarts, slowness. What a client did wrong does not. Any thread; while it is closed nothing waits for a lock.
class breaker {
public:
  using clock = std::chrono::steady_clock;
  using listener = std::function<void(breaker_state from, breaker_state to)>;

  /// `changed` is called outside the lock, in the thread that brought the change about. Of two changes close upon each
  /// other in different threads, the later one may be told first.
  explicit breaker(breaker_options settings, listener changed = {});

  /// Whether a request may go through now. Counts those it refuses.
  bool admits(clock::time_point now);
  /// The same; looks at the clock only where the answer depends on it.
  bool admits() { return is_closed() || admits(clock::now()); }

  /// When it is worth while to come back, as of a refusal; zero while it is closed.
  std::chrono::milliseconds retry_after(clock::time_point now) const;

  /// One call of what lies behind it succeeded, and took so long. When the pause is over that counts as a probe,
  /// whoever asked for it: a backlog that drains shows health, too.
  void succeeded(clock::time_point now, clock::duration took = {});
  /// One call failed for a reason that lies in the machine. While it is open this changes nothing.
  void failed(clock::time_point now);

  breaker_health health(clock::time_point now) const;

private:
  using counter = std::atomic<std::uint64_t>;
  static constexpr std::size_t buckets = 10;
  struct bucket {
    std::atomic<std::int64_t> number{-1}; ///< Which piece of time since the clock's beginning it counts.
    counter successes{0};
    counter failures{0};
    counter slow{0};
  };
  struct change {
    breaker_state from = breaker_state::closed;
    breaker_state to = breaker_state::closed;
  };

  bool is_closed() const noexcept { return state_.load(std::memory_order_relaxed) == breaker_state::closed; }
  std::int64_t number_at(clock::time_point now) const noexcept;
  void count(clock::time_point now, counter bucket::*kind);
  void judge_failure(clock::time_point now);
  void judge_success(clock::time_point now);
  bool probe(clock::time_point now);
  breaker_health sum(clock::time_point now) const;
  bool pause_is_over(clock::time_point now) const noexcept { return now >= period_began_ + settings_.open_for; }
  change enter(breaker_state next, clock::time_point now);
  void tell(change made) const;

  breaker_options settings_;
  listener changed_;
  std::array<bucket, buckets> window_;
  std::atomic<breaker_state> state_{breaker_state::closed}; ///< Written under the lock only.
  mutable std::mutex mutex_;             ///< Guards all below, and a bucket's passing to another time.
  clock::time_point period_began_;       ///< When it opened, or let the first of some probes through.
  std::uint64_t probes_let_through_ = 0; ///< In this period.
  std::uint64_t probes_succeeded_ = 0;
  std::uint64_t opened_ = 0;
  std::uint64_t refused_ = 0;
};

} // namespace millrace
