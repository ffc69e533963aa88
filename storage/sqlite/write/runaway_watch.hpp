#pragma once

#include <chrono>
#include <optional>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Interrupts work that runs too long on a connection, by itself or as part of a call that does. Its address is
/// registered with the connection: it neither moves nor dies before it. What a single step of SQLite does (a sort in
/// memory, one function call) is not interrupted.
class runaway_watch {
public:
  runaway_watch() = default;
  runaway_watch(const runaway_watch&) = delete;
  runaway_watch& operator=(const runaway_watch&) = delete;

  void install(sqlite3* database, std::chrono::milliseconds time_max) noexcept;

  /// Before each call, which is to end soon after `deadline`.
  void begin_call(std::chrono::steady_clock::time_point deadline) noexcept {
    call_deadline_ = deadline;
    out_of_time_ = false;
  }
  /// Whether the call's deadline has passed.
  bool past_deadline() const noexcept { return std::chrono::steady_clock::now() > call_deadline_; }
  /// Whether work was interrupted for that.
  bool out_of_time() const noexcept { return out_of_time_; }

  /// Before each piece of work. Takes no look at the clock.
  void begin_work() noexcept {
    watching_ = true;
    seen_at_.reset();
  }
  /// From here on nothing is interrupted.
  void end_work() noexcept { watching_ = false; }

  std::chrono::milliseconds time_max() const noexcept { return time_max_; }
  /// Whether work was interrupted because it ran too long itself.
  bool interrupted() const noexcept { return interrupted_; }

private:
  static int on_progress(void* self) noexcept;

  std::chrono::milliseconds time_max_{0};
  bool watching_ = false;
  bool interrupted_ = false;
  bool out_of_time_ = false;
  std::chrono::steady_clock::time_point call_deadline_ = std::chrono::steady_clock::time_point::max();
  std::optional<std::chrono::steady_clock::time_point> seen_at_; ///< When the work was first seen to run.
};

} // namespace millrace::storage::sqlite
