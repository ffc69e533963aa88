#pragma once

#include <millrace/storage/database.hpp>
#include <millrace/storage/sqlite/common/budget.hpp>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Interrupts what runs on a read connection past its limits. Its address is registered with the connection: it neither
/// moves nor dies before it.
class read_watch {
public:
  read_watch() = default;
  read_watch(const read_watch&) = delete;
  read_watch& operator=(const read_watch&) = delete;

  void install(sqlite3* database) noexcept;

  /// Keeps to the limits as long as it lives; nothing is interrupted otherwise.
  class scope {
  public:
    scope(read_watch& owner, const read_limits& limits) noexcept : owner_(owner) { owner_.limits_ = limits; }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() { owner_.limits_ = {}; }

  private:
    read_watch& owner_;
  };

  /// A budget whose time is up when a limit has passed.
  budget afford(budget::amounts most) noexcept { return budget{most, &read_watch::on_progress, this}; }

  /// `shutting_down`, `unavailable`, `deadline_exceeded` or `lease_expired` where that limit has passed, otherwise
  /// `none`.
  errc look() const noexcept;
  /// For which of them the connection was interrupted last.
  errc interruption() const noexcept { return interruption_; }

private:
  static int on_progress(void* self) noexcept;

  read_limits limits_;
  errc interruption_ = errc::none;
};

} // namespace millrace::storage::sqlite
