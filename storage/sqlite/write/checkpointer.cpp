#include "checkpointer.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/sqlite/common/error.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// A checkpoint lets SQLite's log begin anew only while no reader looks into it, and under a steady stream of queries
/// there is always one. So for a log that is too long the readers are waited for. Only those count that began before
/// the log was moved completely: later ones read the database file alone. So a few milliseconds are enough unless a
/// query runs long, and then the next checkpoint tries again.
constexpr int patience_ms = 5;

} // namespace

void checkpointer::install(sqlite3* database) noexcept {
  database_ = database;
  sqlite3_wal_hook(database, &checkpointer::on_commit, this);
}

int checkpointer::on_commit(void* self, sqlite3*, const char*, int log_pages) noexcept {
  auto& state = *static_cast<checkpointer*>(self);
  const auto pages = static_cast<std::uint32_t>(log_pages);
  // A log that did not grow began anew. Where a single commit is longer than the whole log before it, this goes
  // unnoticed, and the count is too low by what was moved until the next checkpoint.
  if (pages <= state.log_pages_) {
    state.moved_pages_ = 0;
  }
  state.log_pages_ = pages;
  return SQLITE_OK;
}

tl::expected<checkpoint_report, trouble> checkpointer::run(std::uint64_t applied_seq, std::uint32_t log_pages_max) {
  failpoint("checkpoint.before");
  int log_pages = 0;
  int moved_pages = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &log_pages, &moved_pages);
  if (code != SQLITE_OK) {
    // The system forgets what it could not write, so another sync would succeed over nothing. Only when all connections
    // of the process are gone is everything moved again.
    const bool sync_failed = sqlite3_extended_errcode(database_) == SQLITE_IOERR_FSYNC;
    auto why = failure_of(database_, code);
    if (sync_failed) {
      why.code = errc::outcome_unknown;
    }
    const auto next = sync_failed ? remedy::end_process : remedy_after(why.code);
    return tl::unexpected{trouble{std::move(why), next}};
  }
  failpoint("checkpoint.after");
  log_pages_ = static_cast<std::uint32_t>(std::max(log_pages, 0));
  moved_pages_ = std::min(static_cast<std::uint32_t>(std::max(moved_pages, 0)), log_pages_);
  if (auto synced = sync(); !synced) {
    return tl::unexpected{trouble{std::move(synced).error(), remedy::end_process}};
  }
  if (pages_waiting() == 0 && log_pages_ > log_pages_max) {
    make_room();
  }
  return checkpoint_report{.checkpointed_seq = applied_seq, .unmerged = pages_waiting(), .journal = log_pages_};
}

/// What was moved completely SQLite has synced. Where a reader was in the way, the database file alone holds no state
/// at all: of a page that was changed again, SQLite passes over the older version. But together with a log that is
/// synced it holds everything, and none of that log is lost before all of it is moved. What stood in the database file
/// when it was opened may never have been synced: a copy that was put there, or what a program left that does not sync.
result<> checkpointer::sync() {
  if (pages_waiting() > 0) {
    if (auto synced = sync_file(SQLITE_FCNTL_JOURNAL_POINTER, "SQLite's log"); !synced) {
      return synced;
    }
  }
  return std::exchange(synced_, true) ? result<>{} : sync_file(SQLITE_FCNTL_FILE_POINTER, "the database file");
}

result<> checkpointer::sync_file(int which, const char* name) const {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(database_, "main", which, &file);
  if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK) {
    return fail(errc::outcome_unknown, std::string{name} + " could not be synced");
  }
  return {};
}

void checkpointer::make_room() noexcept {
  sqlite3_busy_timeout(database_, patience_ms);
  // All pages are moved already, so there is nothing that this could lose; where it fails, the log merely grows on.
  if (sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr) == SQLITE_OK) {
    log_pages_ = 0;
    moved_pages_ = 0;
  }
  sqlite3_busy_timeout(database_, 0);
}

} // namespace millrace::storage::sqlite
