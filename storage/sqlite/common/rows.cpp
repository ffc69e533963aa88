#include "rows.hpp"

#include <algorithm>

#include <millrace/messages/limits.hpp>

#include <cstddef>

namespace millrace::storage::sqlite {

namespace {

std::string_view bytes_of(sqlite3_stmt* source, int column, const void* data) {
  // SQLite: call sqlite3_column_bytes() after the pointer was fetched. An empty blob's pointer is null.
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(source, column));
  return data == nullptr ? std::string_view{} : std::string_view{static_cast<const char*>(data), size};
}

std::string_view text_at(sqlite3_stmt* source, int column) {
  return bytes_of(source, column, sqlite3_column_text(source, column));
}

/// False where it does not fit.
bool append_cell(sqlite3_stmt* source, int column, row_set& rows) {
  const int type = sqlite3_column_type(source, column);
  const auto bytes = type == SQLITE_TEXT   ? text_at(source, column)
                     : type == SQLITE_BLOB ? blob_at(source, column)
                                           : std::string_view{};
  if (rows.cells().size() + bytes.size() > limits::row_set_bytes_max) {
    return false;
  }
  switch (type) {
    case SQLITE_INTEGER:
      rows.add_integer(sqlite3_column_int64(source, column));
      break;
    case SQLITE_FLOAT:
      rows.add_real(sqlite3_column_double(source, column));
      break;
    case SQLITE_TEXT:
      rows.add_text(bytes);
      break;
    case SQLITE_BLOB:
      rows.add_blob(bytes);
      break;
    default:
      rows.add_null();
      break;
  }
  return true;
}

} // namespace

std::string_view blob_at(sqlite3_stmt* source, int column) {
  return bytes_of(source, column, sqlite3_column_blob(source, column));
}

sha256 digest_at(sqlite3_stmt* source, int column) {
  sha256 digest{};
  const auto bytes = blob_at(source, column);
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

bool append_row(sqlite3_stmt* source, row_set& rows) {
  rows.begin_row();
  const int columns = sqlite3_data_count(source);
  for (int column = 0; column < columns; ++column) {
    if (!append_cell(source, column, rows)) {
      rows.drop_last_row();
      return false;
    }
  }
  return true;
}

} // namespace millrace::storage::sqlite
