#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace millrace::storage {

/// How long outcomes of named transactions are kept: the older ones go when either bound is passed, those of one call
/// together.
struct outcome_window {
  std::uint64_t count = 1'000'000; ///< At least so many stay where the age lets them.
  /// What lies between the accept times of recorded outcomes, added up (`aged`). So a clock that was wrong for a moment
  /// neither makes all of them forgotten nor keeps one beyond its time, and while nothing is recorded little is added.
  std::chrono::milliseconds age{std::chrono::hours{24}};

  /// How much older outcomes have become from one accept time to the next: nothing where the clock was set back, and at
  /// most a 24th of `age`.
  std::chrono::milliseconds aged(std::int64_t from_ms, std::int64_t to_ms) const noexcept {
    const auto step_max = std::max<std::int64_t>(age.count() / 24, 1);
    const auto step = static_cast<std::uint64_t>(to_ms) - static_cast<std::uint64_t>(from_ms);
    return std::chrono::milliseconds{
      to_ms <= from_ms ? 0 : static_cast<std::int64_t>(std::min(step, static_cast<std::uint64_t>(step_max)))};
  }
};

/// What holds for every kind of database.
struct database_options {
  /// Where it is, which also says of what kind it is; the engine knows the kinds. Empty is a file in the data folder.
  std::string url{};
  outcome_window outcomes{};
  /// A transaction that computes for longer is interrupted, and set aside where it was tried alone
  /// (storage/DESIGN.md §4 rule 6); one with a deadline of its own has no more than that. Schema scripts may take any
  /// time.
  std::chrono::milliseconds transaction_time_max{5'000};
  /// A transaction that changes more pages than this and the page cache together is `too_large`. Schema scripts may
  /// change any number.
  std::uint64_t transaction_pages_max = 262'144;
};

} // namespace millrace::storage
