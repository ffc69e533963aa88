#pragma once

#include <millrace/messages/operations/schema.hpp>
#include <millrace/messages/row_set.hpp>

#include <string_view>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Appends the row that a statement stands on. False, and nothing appended, where `rows` would take more than
/// `limits::row_set_bytes_max`.
bool append_row(sqlite3_stmt* source, row_set& rows);

/// A blob of the row that a statement stands on; valid until it steps on.
std::string_view blob_at(sqlite3_stmt* source, int column);

/// A digest of that row; what is shorter ends in zeroes.
sha256 digest_at(sqlite3_stmt* source, int column);

} // namespace millrace::storage::sqlite
