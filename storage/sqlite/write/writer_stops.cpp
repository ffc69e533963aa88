#include "writer.hpp"

#include <millrace/storage/sqlite/common/error.hpp>

#include <string>
#include <utility>

/// Why an attempt of the writer ends without a commit, and whose fault that may be.
namespace millrace::storage::sqlite {

auto writer::fail_item(setback cause, std::uint64_t seq, bool undoable) -> attempt<answer> {
  if (watch_.found() != runaway_watch::finding::none) {
    return tl::unexpected{stop_runaway(seq)};
  }
  if (accuses(cause.how_far)) {
    const bool proven = cause.how_far == reach::culprit;
    return tl::unexpected{stop{stop::next::run_before, std::move(cause.reason), seq, 1, proven}};
  }
  if (cause.how_far == reach::call) {
    return tl::unexpected{stop{stop::next::give_up, std::move(cause.reason)}};
  }
  if (cause.how_far == reach::ended) {
    return tl::unexpected{stop{stop::next::leave_out, std::move(cause.reason), seq}};
  }
  if (!undoable && executor_->started()) {
    return tl::unexpected{stop{stop::next::run_with_savepoints, {}}};
  }
  return answer{tl::unexpected{std::move(cause.reason)}};
}

/// Of the first of a call it is proven that it takes too much by itself, unless the machine stood still.
auto writer::stop_runaway(std::uint64_t seq) const -> stop {
  using finding = runaway_watch::finding;
  const auto text = "seq " + std::to_string(seq);
  switch (watch_.found()) {
    case finding::spent:
      return {stop::next::run_before,
              {errc::deadline_exceeded,
               text + " computes for more than " + std::to_string(watch_.time_max().count()) + " ms"},
              seq,
              1,
              true};
    case finding::spilled:
      return {stop::next::run_before,
              {errc::too_large, text + " changes more than " + std::to_string(watch_.pages_max()) + " pages"},
              seq,
              1,
              true};
    case finding::overtime:
      return {
        stop::next::run_before, {errc::deadline_exceeded, text + " runs for longer than its timeout"}, seq, 1, true};
    case finding::stalled:
      return {stop::next::run_before, {errc::deadline_exceeded, text + " does not come to its end"}, seq, 1};
    case finding::called_off:
      return {stop::next::call_off, {errc::unavailable, "it was called off; nothing was applied"}, seq};
    default:
      return {stop::next::run_before, {errc::deadline_exceeded, "the call took too long; nothing was applied"}, seq};
  }
}

/// Why nothing is committed of all that ran. Where that may be the work's doing, its first half is tried before.
auto writer::stop_all(failure reason, std::uint64_t last_seq) const -> stop {
  const bool suspect = accuses(set_back(reason).value().how_far);
  return {suspect ? stop::next::run_before : stop::next::give_up, std::move(reason), last_seq, suspect ? 1u : 0u};
}

auto writer::stop_commit(int code, std::uint64_t last_seq) -> stop {
  auto [how_far, reason] = set_back(database_.get(), code).value();
  std::uint64_t suspects = 0;
  const bool others = take_back_room(reason);
  if (reason.code != errc::locked || sqlite3_get_autocommit(database_.get()) != 0) {
    // SQLite 3.40 can bring such a commit back after reopening, so nobody knows (storage/DESIGN.md §4 rule 3).
    suspects = accuses(how_far) && !others ? last_seq - applied_seq_ : 0;
    reason = give_up_connection({errc::outcome_unknown, "the commit of seq " + std::to_string(applied_seq_ + 1) + " to "
                                                          + std::to_string(last_seq)
                                                          + " failed: " + to_string(reason)});
  }
  return {stop::next::give_up, std::move(reason), 0, suspects};
}

/// Whether queries had temporary files while the disk was full: then nobody knows whether that is the work's doing.
/// They get no more and give back what they have, until something is committed, so the next call knows.
bool writer::take_back_room(const failure& met) noexcept {
  const bool theirs = met.code == errc::disk_full
                      && (!query_files_taken_ || query_files_taken_ != query_files_->times_taken());
  if (theirs) {
    query_files_->withhold(true);
  }
  return theirs;
}

} // namespace millrace::storage::sqlite
