#include "work_clock.hpp"

#include <ctime>

namespace millrace::storage::sqlite {

namespace {

std::chrono::nanoseconds time_of(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

} // namespace

std::chrono::nanoseconds computed_by_thread() noexcept {
  return time_of(CLOCK_THREAD_CPUTIME_ID);
}

void work_clock::begin() noexcept {
  times_.clear();
  computed_ = computed_by_thread();
  began_ = looked_ = time_of(CLOCK_MONOTONIC_COARSE);
}

void work_clock::note(std::uint64_t seq) {
  const auto now = time_of(CLOCK_MONOTONIC_COARSE);
  if (now == looked_) {
    return;
  }
  looked_ = now;
  const auto computed = computed_by_thread();
  times_.push_back({seq, computed - std::exchange(computed_, computed)});
}

} // namespace millrace::storage::sqlite
