#pragma once

#include <millrace/storage/database.hpp>
#include <millrace/storage/sqlite/common/budget.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Interrupts work that takes too much on a connection, by itself or as part of a call that runs too long or is called
/// off. Its address is registered with the connection: it neither moves nor dies before it. A sort in memory is a
/// single step of SQLite, which is not interrupted.
class runaway_watch {
public:
  enum class finding : std::uint8_t {
    none,
    spent,     ///< It used up the time that it may compute.
    spilled,   ///< It changed more pages than it may: so many did not fit into the page cache.
    stalled,   ///< It has run for long, though it computed little: the machine may be at fault.
    overtime,  ///< It has run for longer than it said itself.
    call_over, ///< The call that it is part of has run too long.
    called_off ///< Somebody called that off.
  };

  runaway_watch() = default;
  runaway_watch(const runaway_watch&) = delete;
  runaway_watch& operator=(const runaway_watch&) = delete;

  void install(sqlite3* database, std::chrono::milliseconds time_max, std::uint64_t pages_max) noexcept;

  /// Before each call.
  void begin_call(const write_limits& limits) noexcept {
    limits_ = limits;
    spilled_before_ = pages_spilled();
  }
  /// The call begins anew, and may take as long as it takes unless it is called off.
  void forget_deadline() noexcept { begin_call({.called_off = limits_.called_off, .closing = limits_.closing}); }
  /// Whether the call is to end with what it has.
  bool call_is_over() const noexcept { return is_called_off() || std::chrono::steady_clock::now() > limits_.deadline; }

  /// Before each piece of work, which may compute for `own_time` where that is less than any may; 0 is no wish. Only
  /// the first of a call is given all that it may take: what it shows is its own doing. Others are found soon, as they
  /// are to be tried alone. Takes no look at the clock.
  void begin_work(bool first_of_call, std::chrono::milliseconds own_time) noexcept;
  /// From here on it may take as much as it takes, unless its call is called off, or, where the deadline of that is to
  /// be kept, over. A timeout of its own begins here; 0 is none.
  void lift_limits(std::chrono::milliseconds timeout, bool but_deadline = false) noexcept {
    limited_ = false;
    keeps_deadline_ = but_deadline;
    until_ = timeout.count() > 0 ? std::chrono::steady_clock::now() + timeout : moment::max();
  }
  /// From here on nothing is interrupted.
  void end_work() noexcept { watching_ = false; }

  /// Asked before each statement, as one may be too short to be interrupted, and many of them not: whether the work
  /// ends there.
  bool ends_before_statement() noexcept;
  /// Asked after each statement of what has a timeout of its own, as SQLite empties a table without a look at the
  /// clock: whether that is over.
  bool overran() noexcept;
  /// Why the work was interrupted, or is to be undone at its end.
  finding found() const noexcept { return found_; }
  /// After each piece of work that came to its end. Takes no look at the clock either.
  finding look_at_end() noexcept;
  /// How long the work may compute.
  std::chrono::milliseconds time_max() const noexcept { return own_time_; }
  std::uint64_t pages_max() const noexcept { return pages_max_; }
  /// A budget whose time is up when the work has run too long.
  budget afford(budget::amounts most) noexcept { return budget{most, &runaway_watch::on_progress, this}; }

private:
  struct spending {
    std::chrono::steady_clock::time_point at;
    std::chrono::nanoseconds computed; ///< By this thread.
  };

  static int on_progress(void* self) noexcept;
  finding look() noexcept;
  bool is_called_off() const noexcept;
  bool spills_too_much(std::uint64_t spilled) const noexcept;
  std::uint64_t pages_spilled() const noexcept;

  sqlite3* database_ = nullptr;
  std::chrono::milliseconds time_max_{0};
  std::uint64_t pages_max_ = 0;
  write_limits limits_; ///< Of the call.
  bool watching_ = false;
  bool limited_ = true;
  bool keeps_deadline_ = false;  ///< Though it is not limited otherwise.
  moment until_ = moment::max(); ///< Likewise.
  bool first_ = true;
  std::chrono::milliseconds own_time_{0};
  finding found_ = finding::none;
  unsigned statements_ = 0;
  std::uint64_t spilled_before_ = 0; ///< Pages, by this connection, before the work.
  std::optional<spending> began_;    ///< When the work was first seen to run.
};

} // namespace millrace::storage::sqlite
