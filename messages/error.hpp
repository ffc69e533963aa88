#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// Why a request failed. Append-only: the numbers travel between nodes and stand in logs.
enum class errc : std::uint8_t {
  none = 0,
  bad_sql = 1,
  parameter_mismatch = 2,
  constraint = 3,
  row_count_mismatch = 4,
  not_permitted = 5,
  too_large = 6,
  malformed = 7,
  deadline_exceeded = 8,
  not_a_query = 9,
  value_type = 10,
  quarantined = 11,
  not_found = 12,
  wrong_role = 13,
  version_mismatch = 14,
  name_taken = 15,
  over_budget = 16,
  out_of_step = 17,
  schema_conflict = 18,
  overloaded = 20,
  unavailable = 21,
  shutting_down = 22,
  reader_failed = 23,
  locked = 24,
  disk_full = 25,
  io_error = 26,
  breaker_open = 27,
  lease_expired = 28,
  cursor_lost = 29,
  database_gone = 30,
  out_of_memory = 31,
  outcome_unknown = 40,
  name_forgotten = 41,
  folder_missing = 60,
  folder_not_writable = 61,
  folder_locked = 62,
  folder_foreign = 63,
  folder_newer = 64,
  folder_damaged = 65,
  schema_changed = 66,
  corrupt = 67,
  file_not_found = 68,
  bad_option = 69,
};

/// The three promises an error can make (actors/DESIGN.md §5).
enum class error_kind : std::uint8_t {
  rejected,  ///< It had no effect and never will.
  retryable, ///< It had no effect; the same may succeed later.
  unknown,   ///< It may or may not take effect.
};

/// An error as a value: the code decides, the detail explains.
struct failure {
  errc code = errc::none;
  /// What exactly: SQLite's message and extended code, the `seq`, the file.
  std::string detail{};
  /// When it is worth while to come back, where that is known (`overloaded`, `breaker_open`); else zero.
  std::chrono::milliseconds retry_after{0};

  friend bool operator==(const failure&, const failure&) = default;
};

/// The code's name as it stands in logs, `"constraint"`.
std::string_view name(errc code) noexcept;

/// One sentence that a person understands and can act on.
std::string_view sentence(errc code) noexcept;

error_kind kind(errc code) noexcept;

/// The sentence, then the detail.
std::string to_string(const failure& error);

} // namespace millrace
