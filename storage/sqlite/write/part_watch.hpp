#pragma once

#include "key_range.hpp"
#include "setback.hpp"

#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/table_key.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::storage::sqlite {

/// Looks, as long as it lives, for changes of rows of a table that are none of a part of it: by statements that mean
/// others, by their triggers and foreign keys, and by what makes room for a row. One at a time for a connection; it
/// neither owns nor outlives what it is given.
class part_watch {
public:
  part_watch(connection& owner, const std::string& table, const table_key& key, const key_range& part) noexcept;
  part_watch(const part_watch&) = delete;
  part_watch& operator=(const part_watch&) = delete;
  ~part_watch();

  /// `parameter_mismatch` where there was such a change.
  [[nodiscard]] progress<> look() const;

private:
  static void row_changes(void* self, sqlite3* database, int action, const char* schema, const char* table,
                          sqlite3_int64 old_id, sqlite3_int64 new_id) noexcept;
  bool has(sqlite3_int64 id) const noexcept;
  bool has(sqlite3_value* value) const noexcept;

  sqlite3* database_;
  const std::string& table_;
  const table_key& key_;
  const key_range& part_;
  bool strayed_ = false;
  std::optional<sqlite3_int64> stray_id_; ///< Of the last such row, if rows have ids.
};

} // namespace millrace::storage::sqlite
