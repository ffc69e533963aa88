#pragma once

#include <millrace/actors/base/backoff.hpp>
#include <millrace/messages/error.hpp>

#include <chrono>

namespace millrace {

/// Whether the same request may fare better when it is sent again. An engine that closes does not come back by itself,
/// and a name that is forgotten stays so, as does a page's state that is gone.
bool worth_resending(const failure& why) noexcept;

/// How long to wait before that: as long as the delays say, longer where the engine asked for it.
std::chrono::milliseconds pause_before_resend(backoff& delays, const failure& why);

/// A request that changes nothing had no effect whatever became of it: what is unknown for a transaction is retryable
/// here, as whoever serves it having failed.
failure without_doubt(failure why, errc instead = errc::reader_failed);

/// One request that is sent until it is answered for good or the patience of whoever sends it is over.
class resend {
public:
  using clock = std::chrono::steady_clock;

  resend(clock::time_point now, std::chrono::milliseconds patience) noexcept;

  /// Whether no time is left at a given moment.
  bool over(clock::time_point at) const noexcept { return at >= end_; }

  /// How long an attempt may take that begins now: a part of the patience, longer where the request itself says that it
  /// `may_take` longer, and never beyond the patience's end.
  std::chrono::milliseconds attempt_time(clock::time_point now, std::chrono::milliseconds may_take = {}) const noexcept;

  /// The deadline that a request has to be sent with now, so that it is the same moment at every attempt.
  std::chrono::milliseconds deadline_left(std::chrono::milliseconds deadline, clock::time_point now) const noexcept;

  /// Takes note of what an attempt was answered with.
  void failed(const failure& why);

  /// Whether the request, which whoever sends it has named, may go out under a new name: the engine does not know the
  /// client any more that the old one is of, and no attempt has brought the request there; or somebody else has used
  /// the number. Once at most.
  bool may_rename(const failure& why) noexcept;

  /// What `why`, the answer to the last attempt, means for the request as a whole. Where its deadline passed over
  /// attempts, the detail tells what was in the way.
  failure last_word(failure why) const;

private:
  clock::time_point began_;
  clock::time_point end_;
  bool in_doubt_ = false; ///< An attempt may have had an effect; a later refusal says nothing about that.
  bool renamed_ = false;
  failure before_; ///< The answer to the attempt before.
};

} // namespace millrace
