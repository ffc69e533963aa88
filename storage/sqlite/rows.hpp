#pragma once

#include <millrace/messages/row_set.hpp>

#include <cstddef>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Appends the row that a statement stands on. False, and nothing appended, where `rows` would take more than
/// `limits::row_set_bytes_max`.
bool append_row(sqlite3_stmt* source, row_set& rows);

} // namespace millrace::storage::sqlite
