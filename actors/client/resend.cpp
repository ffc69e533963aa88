#include "resend.hpp"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest_attempt{1'000};
constexpr int attempts_in_patience = 4;
/// Longer than any program runs, and far from where the clock's numbers end.
constexpr milliseconds longest_patience = std::chrono::hours{24 * 365};

} // namespace

bool worth_resending(const failure& why) noexcept {
  return why.code != errc::shutting_down && why.code != errc::name_forgotten && why.code != errc::cursor_lost
         && kind(why.code) != error_kind::rejected;
}

milliseconds pause_before_resend(backoff& delays, const failure& why) {
  return std::max(delays.next(), why.retry_after);
}

failure without_doubt(failure why, errc instead) {
  if (why.code == errc::outcome_unknown) {
    why.code = instead;
  }
  return why;
}

resend::resend(clock::time_point now, milliseconds patience) noexcept
  : began_(now), end_(now + std::clamp(patience, milliseconds{1}, longest_patience)) {}

milliseconds resend::attempt_time(clock::time_point now, milliseconds may_take) const noexcept {
  const auto patience = std::chrono::duration_cast<milliseconds>(end_ - began_);
  const auto part = std::max(patience / attempts_in_patience, std::min(may_take, longest_patience) + shortest_attempt);
  // A time-out of zero would fire before the request is looked at.
  return std::max(milliseconds{1}, std::min(part, std::chrono::ceil<milliseconds>(end_ - now)));
}

milliseconds resend::deadline_left(milliseconds deadline, clock::time_point now) const noexcept {
  if (deadline.count() <= 0) {
    return deadline;
  }
  const auto left = deadline - std::chrono::duration_cast<milliseconds>(now - began_);
  return left.count() > 0 ? left : milliseconds{-1};
}

void resend::failed(const failure& why) {
  in_doubt_ = in_doubt_ || kind(why.code) == error_kind::unknown;
  before_ = why;
}

bool resend::may_rename(const failure& why) noexcept {
  // What has another's number was never accepted itself, whatever an attempt came to.
  const bool not_accepted = why.code == errc::name_taken || (why.code == errc::name_forgotten && !in_doubt_);
  return not_accepted && !std::exchange(renamed_, true);
}

failure resend::last_word(failure why) const {
  if (in_doubt_ && kind(why.code) == error_kind::retryable) {
    return {errc::outcome_unknown, "the last answer was: " + to_string(why)};
  }
  if (why.code == errc::deadline_exceeded && kind(before_.code) == error_kind::retryable) {
    why.detail += (why.detail.empty() ? "the answer before was: " : "; the answer before was: ") + to_string(before_);
  }
  return why;
}

} // namespace millrace
