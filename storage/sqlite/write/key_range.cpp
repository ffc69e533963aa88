#include "key_range.hpp"

#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/sql_tokens.hpp>

#include <utility>

namespace millrace::storage::sqlite {

progress<kept_value> keep_value(sqlite3_stmt* row, int column) {
  kept_value kept{sqlite3_value_dup(sqlite3_column_value(row, column))};
  return kept ? progress<kept_value>{std::move(kept)} : set_back({errc::out_of_memory, "a key could not be copied"});
}

std::optional<failure> bind_ends(prepared_statement& target, const key_range& part) {
  const int first = sqlite3_bind_parameter_index(target.get(), ":first");
  const int last = sqlite3_bind_parameter_index(target.get(), ":last");
  if (first == 0 || last == 0 || sqlite3_bind_parameter_count(target.get()) != 2) {
    return failure{errc::parameter_mismatch,
                   "each statement of a backfill is about the rows from :first to :last, such "
                   "as WHERE id BETWEEN :first AND :last, and has no other parameters"};
  }
  if (part.rows > 0) {
    sqlite3_bind_value(target.get(), first, part.first.get());
    sqlite3_bind_value(target.get(), last, part.last.get());
  }
  return std::nullopt;
}

progress<key_range> next_keys(connection& owner, const std::string& table, const table_key& key,
                              const kept_value& after, std::uint64_t rows_max) {
  auto rows = prepared_statement::prepare(
    owner.get(), ("SELECT " + key.sql + " FROM main." + quoted_name(table)
                  + (after ? " WHERE " + key.sql + " > ?1" : "") + " ORDER BY " + key.sql + " LIMIT ?2")
                   .c_str());
  if (!rows) {
    return set_back(std::move(rows).error());
  }
  if (after) {
    sqlite3_bind_value(rows->get(), 1, after.get());
  }
  sqlite3_bind_int64(rows->get(), 2, static_cast<sqlite3_int64>(rows_max));
  key_range found;
  for (int code = rows->step(); code != SQLITE_DONE; code = rows->step()) {
    if (code != SQLITE_ROW) {
      return set_back(owner.get(), code);
    }
    for (auto* const end : {&found.first, &found.last}) { // The value is gone once it steps on.
      if (end == &found.last || found.rows == 0) {
        auto value = keep_value(rows->get(), 0);
        if (!value) {
          return tl::unexpected{std::move(value).error()};
        }
        *end = std::move(*value);
      }
    }
    ++found.rows;
  }
  return found;
}

} // namespace millrace::storage::sqlite
