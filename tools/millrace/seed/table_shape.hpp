#pragma once

#include <millrace/actors/client/client.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::tools {

struct table_column {
  std::string name;
  std::string type; ///< As it was declared.
  bool not_null = false;
  bool has_default = false;
};

/// A foreign key: columns of this table, by their place, and those of the other that they refer to.
struct table_reference {
  std::string table;
  std::vector<std::size_t> from;
  std::vector<std::string> to;
};

/// What must be known of a table to fill it.
struct table_shape {
  std::string name;
  std::vector<table_column> columns;          ///< Those that a row may give a value for.
  std::vector<std::vector<std::size_t>> keys; ///< Columns, by their place, whose values together are unique.
  std::vector<table_reference> references;

  /// Whether a row needs one of the other table.
  bool requires_row(const table_reference& one) const;
};

/// All tables that hold rows of users, by name. What is computed or virtual is left out.
[[nodiscard]] expected<std::vector<table_shape>> read_tables(client& database);

/// Only those that are named, all where none is; each after those that it refers to, as far as that is needed.
/// `bad_option` where there is none of a name, or tables need each other's rows.
[[nodiscard]] expected<std::vector<table_shape>> choose_tables(std::vector<table_shape> all,
                                                               const std::vector<std::string>& names);

} // namespace millrace::tools
