#pragma once

#include "connection.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::storage::sqlite {

/// Tells whether a database's file and SQLite's log beside it are still those that a connection has open, and not moved
/// away, removed or replaced (SQLite: howtocorrupt.html §4.2, §4.3).
class file_guard {
public:
  /// Takes the files of a connection that has read from its database.
  static file_guard watch(const connection& owner);

  /// What is missing, `database_gone`; nothing while all is in its place.
  [[nodiscard]] std::optional<failure> trouble() const;

private:
  struct file_id {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const file_id&, const file_id&) = default;
  };

  static std::optional<file_id> id_of(const char* path) noexcept;

  sqlite3* database_ = nullptr;
  const char* log_path_ = nullptr; ///< SQLite's, as long as the connection.
  std::optional<file_id> log_;
};

} // namespace millrace::storage::sqlite
