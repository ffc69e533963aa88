#include "runaway_watch.hpp"

#include "work_clock.hpp"

#include <algorithm>

namespace millrace::storage::sqlite {

namespace {

/// Virtual-machine steps between two looks at the clock; so many take about a tenth of a millisecond.
constexpr int steps_between_looks = 10'000;
/// For work of many short statements, none of which takes so many steps. A look takes a third of a microsecond.
constexpr unsigned statements_between_looks = 16;
/// What others of the call may take of what the first may.
constexpr int share_of_others = 10;
/// So much longer than it may compute may work run: a disk that stands still for a while is not its fault.
constexpr int patience_with_machine = 12;

} // namespace

void runaway_watch::install(sqlite3* database, std::chrono::milliseconds time_max, std::uint64_t pages_max) noexcept {
  database_ = database;
  time_max_ = time_max;
  pages_max_ = pages_max;
  sqlite3_progress_handler(database, steps_between_looks, &runaway_watch::on_progress, this);
}

void runaway_watch::begin_work(bool first_of_call, std::chrono::milliseconds own_time) noexcept {
  watching_ = true;
  limited_ = true;
  first_ = first_of_call;
  own_time_ = own_time.count() > 0 ? std::min(own_time, time_max_) : time_max_;
  found_ = finding::none;
  statements_ = 0;
  began_.reset();
}

std::uint64_t runaway_watch::pages_spilled() const noexcept {
  int spilled = 0;
  int highest = 0;
  sqlite3_db_status(database_, SQLITE_DBSTATUS_CACHE_SPILL, &spilled, &highest, 0);
  return static_cast<std::uint64_t>(spilled);
}

bool runaway_watch::is_called_off() const noexcept {
  return (limits_.called_off != nullptr && limits_.called_off->load(std::memory_order_relaxed))
         || (limits_.closing != nullptr && limits_.closing->load(std::memory_order_relaxed))
         || (limits_.asked_by != nullptr && limits_.asked_by->gone());
}

bool runaway_watch::spills_too_much(std::uint64_t spilled) const noexcept {
  return spilled - spilled_before_ > (first_ ? pages_max_ : pages_max_ / share_of_others);
}

auto runaway_watch::look_at_end() noexcept -> finding {
  if (!first_ && !began_) {
    return found_; // Too short to spill much; asking would take a twentieth of its time.
  }
  const auto spilled = pages_spilled();
  if (watching_ && limited_ && spills_too_much(spilled)) {
    found_ = finding::spilled;
  }
  spilled_before_ = spilled;
  return found_;
}

auto runaway_watch::look() noexcept -> finding {
  if (is_called_off()) {
    return finding::called_off;
  }
  if (!limited_) {
    const auto now = std::chrono::steady_clock::now();
    return now > until_                                ? finding::overtime
           : keeps_deadline_ && now > limits_.deadline ? finding::call_over
                                                       : finding::none;
  }
  const spending now{std::chrono::steady_clock::now(), computed_by_thread()};
  if (!began_) {
    began_ = now;
  }
  const std::chrono::nanoseconds allowed = own_time_;
  if (now.computed - began_->computed > (first_ ? allowed : allowed / share_of_others)) {
    return finding::spent;
  }
  if (spills_too_much(pages_spilled())) {
    return finding::spilled;
  }
  if (now.at - began_->at > time_max_ * patience_with_machine) {
    return finding::stalled;
  }
  return now.at > limits_.deadline ? finding::call_over : finding::none;
}

int runaway_watch::on_progress(void* self) noexcept {
  auto& watch = *static_cast<runaway_watch*>(self);
  if (!watch.watching_) {
    return 0;
  }
  watch.found_ = watch.look();
  // What rolls the work back is not to be interrupted.
  watch.watching_ = watch.found_ == finding::none;
  return watch.watching_ ? 0 : 1;
}

bool runaway_watch::ends_before_statement() noexcept {
  return ++statements_ % statements_between_looks == 0 && on_progress(this) != 0;
}

bool runaway_watch::overran() noexcept {
  if (watching_ && !limited_ && until_ != moment::max() && std::chrono::steady_clock::now() > until_) {
    found_ = finding::overtime;
    watching_ = false; // What rolls the work back is not to be interrupted.
  }
  return found_ == finding::overtime;
}

} // namespace millrace::storage::sqlite
