#include "runaway_watch.hpp"

namespace millrace::storage::sqlite {

namespace {

/// Virtual-machine steps between two looks at the clock; so many take about a millisecond.
constexpr int steps_between_looks = 100'000;

} // namespace

void runaway_watch::install(sqlite3* database, std::chrono::milliseconds time_max) noexcept {
  time_max_ = time_max;
  sqlite3_progress_handler(database, steps_between_looks, &runaway_watch::on_progress, this);
}

int runaway_watch::on_progress(void* self) noexcept {
  auto& watch = *static_cast<runaway_watch*>(self);
  if (!watch.watching_) {
    return 0;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!watch.seen_at_) {
    watch.seen_at_ = now;
  }
  watch.interrupted_ = now - *watch.seen_at_ > watch.time_max_;
  watch.out_of_time_ = !watch.interrupted_ && now > watch.call_deadline_;
  // What rolls the work back is not to be interrupted.
  watch.watching_ = !watch.interrupted_ && !watch.out_of_time_;
  return watch.watching_ ? 0 : 1;
}

} // namespace millrace::storage::sqlite
