#include "breaker.hpp"

#include <algorithm>
#include <utility>

namespace millrace {

using std::chrono::milliseconds;

breaker::breaker(breaker_options settings, listener changed) : settings_(settings), changed_(std::move(changed)) {}

bool breaker::admits(clock::time_point now) {
  if (is_closed()) {
    return true;
  }
  change made;
  bool let_through = false;
  {
    const std::lock_guard lock{mutex_};
    if (state_ == breaker_state::open && pause_is_over(now)) {
      made = enter(breaker_state::half_open, now);
    }
    let_through = is_closed() || probe(now);
    refused_ += let_through ? 0 : 1;
  }
  tell(made);
  return let_through;
}

/// A probe whose answer is lost must not keep it half-open for ever, so each period has its own.
bool breaker::probe(clock::time_point now) {
  if (state_ != breaker_state::half_open) {
    return false;
  }
  if (pause_is_over(now)) {
    period_began_ = now;
    probes_let_through_ = 0;
  }
  return probes_let_through_++ < settings_.probes;
}

milliseconds breaker::retry_after(clock::time_point now) const {
  const std::lock_guard lock{mutex_};
  if (is_closed()) {
    return milliseconds{0};
  }
  return std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(period_began_ + settings_.open_for - now));
}

void breaker::succeeded(clock::time_point now, clock::duration took) {
  if (!settings_.enabled) {
    return;
  }
  if (took > settings_.slow) {
    count(now, &bucket::slow);
    judge_failure(now);
    return;
  }
  count(now, &bucket::successes);
  if (!is_closed()) {
    judge_success(now);
  }
}

void breaker::failed(clock::time_point now) {
  if (settings_.enabled) {
    count(now, &bucket::failures);
    judge_failure(now);
  }
}

void breaker::judge_failure(clock::time_point now) {
  change made;
  {
    const std::lock_guard lock{mutex_};
    const auto seen = sum(now);
    const auto bad = seen.failures + seen.slow;
    const auto too_many = bad >= settings_.failures_min
                          && static_cast<double>(bad)
                               >= settings_.failure_rate * static_cast<double>(bad + seen.successes);
    if (state_ == breaker_state::half_open || (is_closed() && too_many)) {
      made = enter(breaker_state::open, now);
    }
  }
  tell(made);
}

void breaker::judge_success(clock::time_point now) {
  change resumed;
  change closed;
  {
    const std::lock_guard lock{mutex_};
    if (state_ == breaker_state::open && pause_is_over(now)) {
      resumed = enter(breaker_state::half_open, now);
    }
    if (state_ == breaker_state::half_open && ++probes_succeeded_ >= settings_.probes) {
      closed = enter(breaker_state::closed, now);
    }
  }
  tell(resumed);
  tell(closed);
}

/// The caller holds the lock.
breaker::change breaker::enter(breaker_state next, clock::time_point now) {
  period_began_ = now;
  probes_let_through_ = 0;
  probes_succeeded_ = 0;
  opened_ += next == breaker_state::open ? 1 : 0;
  if (next == breaker_state::closed) {
    // What failed before is no reason to open again.
    for (auto& one : window_) {
      one.number = -1;
    }
  }
  return {state_.exchange(next), next};
}

void breaker::tell(change made) const {
  if (changed_ && made.from != made.to) {
    changed_(made.from, made.to);
  }
}

std::int64_t breaker::number_at(clock::time_point now) const noexcept {
  const clock::duration width = std::max(clock::duration{1}, clock::duration{settings_.window} / std::int64_t{buckets});
  return now.time_since_epoch() / width;
}

void breaker::count(clock::time_point now, counter bucket::*kind) {
  const auto number = number_at(now);
  auto& one = window_[static_cast<std::size_t>(number) % buckets];
  if (one.number.load(std::memory_order_acquire) != number) {
    const std::lock_guard lock{mutex_};
    if (one.number.load(std::memory_order_relaxed) != number) {
      one.successes = 0;
      one.failures = 0;
      one.slow = 0;
      one.number.store(number, std::memory_order_release);
    }
  }
  (one.*kind).fetch_add(1, std::memory_order_relaxed);
}

/// The counts within the window alone.
breaker_health breaker::sum(clock::time_point now) const {
  const auto newest = number_at(now);
  breaker_health result;
  for (const auto& one : window_) {
    const auto number = one.number.load(std::memory_order_acquire);
    if (number >= 0 && newest - number < std::int64_t{buckets}) {
      result.successes += one.successes.load(std::memory_order_relaxed);
      result.failures += one.failures.load(std::memory_order_relaxed);
      result.slow += one.slow.load(std::memory_order_relaxed);
    }
  }
  return result;
}

breaker_health breaker::health(clock::time_point now) const {
  const std::lock_guard lock{mutex_};
  auto result = sum(now);
  result.state = state_;
  result.opened = opened_;
  result.refused = refused_;
  return result;
}

} // namespace millrace
