#include "read_watch.hpp"

namespace millrace::storage::sqlite {

namespace {

/// Virtual-machine steps between two looks at the clock; a thousand take some tens of microseconds.
constexpr int steps_between_looks = 1'000;

} // namespace

void read_watch::install(sqlite3* database) noexcept {
  sqlite3_progress_handler(database, steps_between_looks, &read_watch::on_progress, this);
}

errc read_watch::look() const noexcept {
  if (limits_.closing != nullptr && limits_.closing->load(std::memory_order_relaxed)) {
    return errc::shutting_down;
  }
  if (limits_.asked_by != nullptr && limits_.asked_by->gone()) {
    return errc::unavailable;
  }
  const auto now = read_limits::clock::now();
  if (now >= limits_.deadline) {
    return errc::deadline_exceeded;
  }
  if (limits_.asked_by != nullptr && limits_.asked_by->yields()) {
    return errc::lease_expired;
  }
  const bool starving = limits_.starving != nullptr && limits_.starving->load(std::memory_order_relaxed);
  return starving && now >= limits_.lease_end ? errc::lease_expired : errc::none;
}

int read_watch::on_progress(void* self) noexcept {
  auto& watch = *static_cast<read_watch*>(self);
  const auto passed = watch.look();
  if (passed == errc::none) {
    return budget::must_give_back() ? 1 : 0;
  }
  watch.interruption_ = passed;
  return 1;
}

} // namespace millrace::storage::sqlite
