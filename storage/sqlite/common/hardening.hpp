#pragma once

#include <millrace/storage/base/result.hpp>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

enum class role {
  writer, ///< Reads and writes; closing it may checkpoint.
  reader, ///< Opened read-only; never checkpoints.
};

/// Sets limits, safety switches and page cache of a connection that was just opened (SQLite: security.html).
[[nodiscard]] result<> harden(sqlite3* database, role purpose, int cache_kib);

} // namespace millrace::storage::sqlite
