#include "rows.hpp"

#include <millrace/messages/limits.hpp>

#include <cstddef>

namespace millrace::storage::sqlite {

namespace {

std::string_view bytes_of(sqlite3_stmt* source, int column, const void* data) {
  // SQLite: call sqlite3_column_bytes() after the pointer was fetched. An empty blob's pointer is null.
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(source, column));
  return data == nullptr ? std::string_view{} : std::string_view{static_cast<const char*>(data), size};
}

/// What the cell takes at least, before it is copied.
std::size_t payload_bytes(sqlite3_stmt* source, int column) {
  const int type = sqlite3_column_type(source, column);
  return type == SQLITE_TEXT || type == SQLITE_BLOB ? static_cast<std::size_t>(sqlite3_column_bytes(source, column))
                                                    : 0;
}

void append_cell(sqlite3_stmt* source, int column, row_set& rows) {
  switch (sqlite3_column_type(source, column)) {
    case SQLITE_INTEGER:
      rows.add_integer(sqlite3_column_int64(source, column));
      break;
    case SQLITE_FLOAT:
      rows.add_real(sqlite3_column_double(source, column));
      break;
    case SQLITE_TEXT:
      rows.add_text(bytes_of(source, column, sqlite3_column_text(source, column)));
      break;
    case SQLITE_BLOB:
      rows.add_blob(blob_at(source, column));
      break;
    default:
      rows.add_null();
      break;
  }
}

} // namespace

std::string_view blob_at(sqlite3_stmt* source, int column) {
  return bytes_of(source, column, sqlite3_column_blob(source, column));
}

bool append_row(sqlite3_stmt* source, row_set& rows) {
  rows.begin_row();
  const int columns = sqlite3_data_count(source);
  for (int column = 0; column < columns; ++column) {
    if (rows.cells().size() + payload_bytes(source, column) <= limits::row_set_bytes_max) {
      append_cell(source, column, rows);
    } else {
      rows.drop_last_row();
      return false;
    }
  }
  return true;
}

} // namespace millrace::storage::sqlite
