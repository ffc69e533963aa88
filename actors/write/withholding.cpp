#include "queue.hpp"

#include <millrace/actors/base/logger.hpp>
#include <millrace/storage/base/failpoint.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

/// What the queue does not give to the writer, and why: work that is skipped, and all of it where the database is not
/// the one that was written last.
namespace millrace {

namespace {

/// After which the writer looks again whether a database is there that can be brought up to date.
constexpr std::chrono::seconds reopen_interval{1};

} // namespace

/// Whether the writer may be given what comes next. What ended it too often is set aside first
/// (actors/DESIGN.md §7 rule 3).
bool queue_state::set_suspect_aside() {
  if (settings_.attempts == nullptr) {
    return true;
  }
  const auto suspect = settings_.attempts->suspect();
  const auto due = suspect.deaths >= settings_.deaths_max && suspect.seq > applied_seq_ && suspect.seq <= durable_seq_
                   && !backlog_->is_skipped(suspect.seq);
  if (due) {
    logger()->error("seq {} ended the writer {} times and is set aside", suspect.seq, suspect.deaths);
  }
  return !due || write_skip_order({{suspect.seq}, errc::quarantined, suspect.deaths});
}

/// Work that waited beyond its deadline is dropped before it is tried, never after.
void queue_state::skip_expired(std::uint64_t first, std::uint64_t last) {
  auto expired = ledger_.expired(first, last, std::chrono::steady_clock::now());
  std::erase_if(expired, [this](std::uint64_t seq) { return backlog_->is_skipped(seq); });
  if (!expired.empty()) {
    // Where the disk is full this fails, and they are applied: late, but as they were accepted.
    write_skip_order({std::move(expired), errc::deadline_exceeded, 0});
  }
}

/// That work is skipped must be in the log before anything after it is applied (storage/DESIGN.md §1 rule 3).
bool queue_state::write_skip_order(storage::skip_order order) {
  const auto seqs = order.seqs;
  const auto why = order.why;
  const auto deaths = order.deaths;
  open_->items.emplace_back(std::move(order));
  ledger_.add({});
  storage::failpoint("skip.before_order");
  const auto written = write_open();
  storage::failpoint("skip.after_order");
  skip_wanted_ = !written;
  if (written) {
    for (const auto seq : seqs) {
      backlog_->skip({seq, why, deaths});
    }
  } else {
    arm_tick();
  }
  return written;
}

/// Whether the writer, or the process, died over what it was trying; then all of that is tried one by one.
void queue_state::count_death(std::uint64_t applied_seq) {
  const auto broken = settings_.attempts == nullptr ? std::nullopt : settings_.attempts->broken();
  if (!broken) {
    return;
  }
  settings_.attempts->end();
  if (broken->last <= applied_seq || broken->last > durable_seq_) {
    return;
  }
  careful_until_ = std::max(careful_until_, broken->last);
  const auto culprit = broken->first == broken->last ? broken->first : broken->at;
  if (culprit <= applied_seq) {
    return; // It died in the commit of many.
  }
  if (const auto deaths = settings_.attempts->accuse(culprit)) {
    logger()->warn("the writer ended over seq {}, {} times so far", culprit, *deaths);
  } else {
    logger()->error("a death over seq {} could not be counted: {}", culprit, to_string(deaths.error()));
  }
}

/// Somebody put a copy in place of the database. The next incarnation applies again what that lacks, as after a start
/// of the process: names and orders to skip are read with it. Where the log does not reach back so far nothing is
/// applied, and the next look may find another database.
void queue_state::meet_copy(std::uint64_t applied_seq) {
  const auto missing = log_->read_from(applied_seq + 1);
  if (applied_seq < applied_seq_ && !missing && missing.error().code == errc::file_not_found) {
    return hold_up("the copy in its place ends at seq " + std::to_string(applied_seq) + ", and the log begins later");
  }
  logger()->error("a copy took the place of the database: seq {} is the last that it holds, but {} was applied",
                  applied_seq, applied_seq_);
  settings_.applied_seq->store(applied_seq);
  stretch_ended_ = true; // Whoever did that may have brought in rows that no log knows.
  write_open();
  self_->quit(to_error({errc::database_gone, "a copy took its place"}));
}

/// The writer is given nothing; its next look may find another database.
void queue_state::hold_up(std::string why) {
  if (!held_up_) {
    logger()->error("nothing is applied to the database: {}", why);
  }
  held_up_ = failure{errc::database_gone, std::move(why)};
  self_->delayed_send(writer_, reopen_interval, atom::reopen::value);
}

} // namespace millrace
