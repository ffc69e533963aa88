#pragma once

#include <millrace/storage/database.hpp>

#include <cstdint>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Counts the pages that wait in SQLite's own log and moves them into the database file. Its address is registered with
/// the connection: it neither moves nor dies before it.
class checkpointer {
public:
  checkpointer() = default;
  checkpointer(const checkpointer&) = delete;
  checkpointer& operator=(const checkpointer&) = delete;

  void install(sqlite3* database) noexcept;

  /// As of the last commit or checkpoint.
  std::uint32_t pages_waiting() const noexcept { return log_pages_ - moved_pages_; }

  /// `applied_seq` is what the last commit stored. A log that is longer than `log_pages_max` is to begin anew.
  [[nodiscard]] tl::expected<checkpoint_report, trouble> run(std::uint64_t applied_seq, std::uint32_t log_pages_max);

private:
  static int on_commit(void* self, sqlite3*, const char*, int log_pages) noexcept;
  [[nodiscard]] result<> sync();
  [[nodiscard]] result<> sync_file(int which, const char* name) const;
  void make_room() noexcept;

  sqlite3* database_ = nullptr;
  std::uint32_t log_pages_ = 0;   ///< Pages in SQLite's log, those included that were moved already.
  std::uint32_t moved_pages_ = 0; ///< Of these, pages that were moved.
  bool synced_ = false;           ///< Whether what the file held at opening is known to be on the disk.
};

} // namespace millrace::storage::sqlite
