#pragma once

#include <millrace/storage/database.hpp>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

/// What this thread has computed. The call costs as much as a third of a short transaction.
std::chrono::nanoseconds computed_by_thread() noexcept;

/// What each piece of work of an attempt takes of its thread's processor, so that a machine which is busy with others
/// accuses nobody. It is looked at where a coarse clock, which is cheap, has moved on: every few milliseconds. The
/// thread of the attempt only.
class work_clock {
public:
  void begin() noexcept;
  /// A piece of work is done.
  void note(std::uint64_t seq);
  /// Whether the attempt, as of the last note, has lasted so long that it is to end with what is done.
  bool is_over() const noexcept { return looked_ - began_ > attempt_max; }
  std::vector<time_taken> take() noexcept { return std::exchange(times_, {}); }

private:
  static constexpr std::chrono::seconds attempt_max{1};

  std::chrono::nanoseconds began_{0};
  std::chrono::nanoseconds looked_{0};
  std::chrono::nanoseconds computed_{0};
  std::vector<time_taken> times_;
};

} // namespace millrace::storage::sqlite
