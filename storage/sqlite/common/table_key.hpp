#pragma once

#include "connection.hpp"

#include <string>

namespace millrace::storage::sqlite {

/// By what the rows of a table are told apart and follow each other, as SQL takes it: its row id, or the primary key of
/// a table that has none. `bad_sql` where there is no such table, or that key has several columns.
[[nodiscard]] result<std::string> key_of(connection& database, const std::string& table);

/// Whether no column of a table is the row id by which its rows follow each other, so that SQL must call that by name.
[[nodiscard]] result<bool> has_nameless_key(connection& database, const std::string& table);

} // namespace millrace::storage::sqlite
