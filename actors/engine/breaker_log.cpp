#include "breaker_log.hpp"

#include <utility>

namespace millrace {

namespace {

constexpr std::chrono::minutes between_lines{5};

std::string seconds(breaker_log::clock::duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

} // namespace

std::optional<std::string> breaker_log::line(breaker_state to, clock::time_point now) {
  const std::lock_guard lock{mutex_};
  const auto subject = "the circuit breaker for " + what_ + " is ";
  if (to == breaker_state::closed) {
    const auto opened = std::exchange(opened_, std::nullopt);
    return opened ? std::optional{subject + "closed again after " + seconds(now - *opened)} : std::nullopt;
  }
  if (to != breaker_state::open) {
    return std::nullopt;
  }
  if (!opened_) {
    opened_ = said_ = now;
    in_vain_ = 0;
    return subject + "open";
  }
  ++in_vain_;
  if (now - said_ < between_lines) {
    return std::nullopt;
  }
  said_ = now;
  return subject + "open still: what was let through " + std::to_string(in_vain_) + " times in "
         + seconds(now - *opened_) + " failed";
}

} // namespace millrace
