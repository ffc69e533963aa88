#include "checkpoint_pace.hpp"

#include <algorithm>

namespace millrace {

namespace {

/// A pause may be so many commits long. A request takes two to four, and its 99th percentile shall not be more than
/// five times that with a hundred clients (measured: with 12 it is, with upserts).
constexpr int commits_per_pause = 8;
/// How many commits the mean remembers.
constexpr int commits_remembered = 32;

} // namespace

checkpoint_pace::checkpoint_pace(std::uint32_t least, std::uint32_t most) noexcept
  : least_(least), most_(std::max(least, most)), pages_(least) {}

void checkpoint_pace::committed(duration took) noexcept {
  usual_commit_ += (took - usual_commit_) / commits_remembered;
}

void checkpoint_pace::checkpointed(duration took) noexcept {
  if (took > usual_commit_ * commits_per_pause) {
    pages_ = std::max(least_, pages_ - pages_ / 4);
  } else {
    pages_ = std::min(most_, pages_ + pages_ / 4);
  }
}

} // namespace millrace
