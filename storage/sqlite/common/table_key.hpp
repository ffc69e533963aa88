#pragma once

#include "connection.hpp"

#include <string>

namespace millrace::storage::sqlite {

/// By what the rows of a table are told apart and follow each other: its row id, or the primary key of a table that has
/// none.
struct table_key {
  std::string sql;           ///< As SQL takes it.
  bool has_a_column = false; ///< Whether it is one. Otherwise it is the row id, which SQL must call by that name.
};

/// `bad_sql` where there is no such table, or its key has several columns.
[[nodiscard]] result<table_key> key_of(connection& database, const std::string& table);

} // namespace millrace::storage::sqlite
