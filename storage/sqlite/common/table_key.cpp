#include "table_key.hpp"

#include "error.hpp"
#include "names.hpp"
#include "prepared_statement.hpp"
#include "rows.hpp"
#include "sql_tokens.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

namespace {

struct column {
  std::string name;
  bool in_key = false;
  bool is_stored = true; ///< Not computed where it is read.
};

/// One text parameter.
template <class Take>
result<> each_row(connection& database, const char* sql, const std::string& parameter, Take take) {
  auto rows = prepared_statement::prepare(database.get(), sql);
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  sqlite3_bind_text64(rows->get(), 1, parameter.data(), parameter.size(), SQLITE_STATIC, SQLITE_UTF8);
  int code = rows->step();
  for (; code == SQLITE_ROW; code = rows->step()) {
    take(rows->get());
  }
  return code == SQLITE_DONE ? result<>{} : tl::unexpected{failure_of(database.get(), code)};
}

tl::unexpected<failure> unusable(const std::string& table, const char* why) {
  return fail(errc::bad_sql, "`-- backfill: " + table + "`: " + why);
}

/// A row id has three names, each of which a column may have as well.
result<std::string> row_id_beside(const std::vector<column>& columns, const std::string& table) {
  for (const char* const name : {"rowid", "_rowid_", "oid"}) {
    if (std::ranges::none_of(columns, [&](const column& one) { return same(one.name, name); })) {
      return std::string{name};
    }
  }
  return unusable(table, "its row id has no name of its own");
}

} // namespace

result<table_key> key_of(connection& database, const std::string& table) {
  bool there = false;
  bool has_row_id = false;
  auto done = each_row(database,
                       "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table' "
                       "AND name NOT LIKE 'millrace\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
                       table, [&](sqlite3_stmt* row) {
                         there = true;
                         has_row_id = sqlite3_column_int(row, 0) == 0;
                       });
  std::vector<column> columns;
  done = done.and_then([&] {
    return each_row(
      database, "SELECT name, pk, hidden FROM pragma_table_xinfo(?1, 'main')", table, [&](sqlite3_stmt* row) {
        constexpr int computed = 2;
        columns.push_back(
          {std::string{blob_at(row, 0)}, sqlite3_column_int(row, 1) > 0, sqlite3_column_int(row, 2) != computed});
      });
  });
  if (!done) {
    return tl::unexpected{std::move(done).error()};
  }
  if (!there) {
    return unusable(table, "there is no such table");
  }
  if (has_row_id) {
    bool named = std::ranges::any_of(columns, &column::in_key);
    done = each_row(database, "SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk'", table,
                    [&](sqlite3_stmt*) { named = false; }); // A key that is no row id has an index.
    return done.and_then([&] { return row_id_beside(columns, table); }).map([&](std::string name) {
      return table_key{std::move(name), named};
    });
  }
  if (std::ranges::count_if(columns, &column::in_key) != 1) {
    return unusable(table, "the primary key of a table WITHOUT ROWID must be one column for that");
  }
  const auto key = std::ranges::find_if(columns, &column::in_key);
  const char* collation = nullptr;
  const int code = sqlite3_table_column_metadata(database.get(), "main", table.c_str(), key->name.c_str(), nullptr,
                                                 &collation, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return tl::unexpected{failure_of(database.get(), code)};
  }
  const table_key::position place{
    static_cast<int>(key - columns.begin()),
    static_cast<int>(std::count_if(columns.begin(), key, [](const column& one) { return one.is_stored; }))};
  return table_key{quoted_name(key->name), true, place, collation};
}

} // namespace millrace::storage::sqlite
