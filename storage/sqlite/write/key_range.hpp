#pragma once

#include "setback.hpp"

#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>
#include <millrace/storage/sqlite/common/table_key.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

struct value_freer {
  void operator()(sqlite3_value* value) const noexcept { sqlite3_value_free(value); }
};

/// A value of SQLite's that outlives its row.
using kept_value = std::unique_ptr<sqlite3_value, value_freer>;

/// The value of a column of the row that a statement stands on.
[[nodiscard]] progress<kept_value> keep_value(sqlite3_stmt* row, int column);

/// Rows of a table that follow each other by its key. Where there are none, both ends are null.
struct key_range {
  kept_value first;
  kept_value last;
  std::uint64_t rows = 0;
};

/// Binds its ends to `:first` and `:last`, unless it has no rows. Why that cannot be done; nothing where it was, and a
/// statement has no other parameters.
std::optional<failure> bind_ends(prepared_statement& target, const key_range& part);

/// The next rows after a key, or from the first one where that is null; `rows_max` at most.
[[nodiscard]] progress<key_range> next_keys(connection& owner, const std::string& table, const table_key& key,
                                            const kept_value& after, std::uint64_t rows_max);

} // namespace millrace::storage::sqlite
