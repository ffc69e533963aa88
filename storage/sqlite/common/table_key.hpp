#pragma once

#include "connection.hpp"

#include <optional>
#include <string>

namespace millrace::storage::sqlite {

/// By what the rows of a table are told apart and follow each other: its row id, or the primary key of a table that has
/// none.
struct table_key {
  /// Where it stands in a row of a table WITHOUT ROWID, from 0: among its columns, and among those that are stored.
  struct position {
    int column = 0;
    int stored = 0;
  };

  std::string sql;                 ///< As SQL takes it.
  bool has_a_column = false;       ///< Whether it is one. Otherwise it is the row id, which SQL must call by that name.
  std::optional<position> place{}; ///< Nothing where it is the row id, whether a column has it or not.
  std::string collation{};
};

/// `bad_sql` where there is no such table, or its key has several columns.
[[nodiscard]] result<table_key> key_of(connection& database, const std::string& table);

} // namespace millrace::storage::sqlite
