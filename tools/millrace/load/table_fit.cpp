#include "table_fit.hpp"

#include "text.hpp"

#include <millrace/tools/millrace/common/sql_text.hpp>

#include <algorithm>
#include <string_view>

namespace millrace::tools {

namespace {

/// A failure's detail without where in the log the statement stood.
std::string without_place(const std::string& detail) {
  constexpr std::string_view place = "statement 1: ";
  const auto found = detail.find(place);
  return found == std::string::npos ? detail : detail.substr(found + place.size());
}

/// Compiles the INSERT by inserting no row.
tl::expected<std::string, failure> not_inserted(client& database, const std::string& table,
                                                std::span<const std::string> columns) {
  std::string nothing;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    nothing += i == 0 ? "NULL" : ", NULL";
  }
  const auto done = database.execute("INSERT INTO " + quote_identifier(table) + "(" + identifier_list(columns)
                                     + ") SELECT " + nothing + " WHERE 0");
  if (done) {
    return "";
  }
  const auto& why = done.error();
  const bool of_the_table = why.code == errc::bad_sql || why.code == errc::not_permitted;
  return of_the_table ? tl::expected<std::string, failure>{without_place(why.detail)} : tl::unexpected{why};
}

/// The first column that must have a value, gets none by itself, and is none of `columns`.
tl::expected<std::string, failure> needed(client& database, const std::string& table,
                                          std::span<const std::string> columns) {
  const auto rows = database.query(
    "SELECT name FROM pragma_table_xinfo(?1) WHERE \"notnull\" <> 0 AND dflt_value IS NULL AND hidden = 0 "
    "AND NOT (pk > 0 AND upper(type) = 'INTEGER')",
    table);
  if (!rows) {
    return tl::unexpected{rows.error()};
  }
  for (const auto row : *rows) {
    const auto name = row[std::size_t{0}].to_string();
    const bool given = std::ranges::any_of(
      columns, [&name](const std::string& column) { return folded(column) == folded(name); });
    if (!given) {
      return "the table needs a value in its column " + name + ", which the file has not";
    }
  }
  return "";
}

} // namespace

tl::expected<std::string, failure> misfit(client& database, const std::string& table,
                                          std::span<const std::string> columns) {
  auto problem = not_inserted(database, table, columns);
  return problem && problem->empty() ? needed(database, table, columns) : problem;
}

tl::expected<bool, failure> is_view(client& database, const std::string& table) {
  return database.query("SELECT count(*) FROM sqlite_schema WHERE type = 'view' AND name = ?1 COLLATE NOCASE", table)
    .map([](const row_set& rows) { return rows[0][std::size_t{0}].as_integer() > 0; });
}

} // namespace millrace::tools
