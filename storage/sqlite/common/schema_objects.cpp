#include "schema_objects.hpp"

#include "error.hpp"
#include "names.hpp"
#include "prepared_statement.hpp"
#include "rows.hpp"
#include "sql_tokens.hpp"

#include <algorithm>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

result<schema_objects> read(connection& database, const char* sql) {
  auto rows = prepared_statement::prepare(database.get(), sql);
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  const auto text = [&rows](int column) { return std::string{blob_at(rows->get(), column)}; };
  schema_objects found;
  int code = rows->step();
  for (; code == SQLITE_ROW; code = rows->step()) {
    auto name = text(1);
    if (!begins(name, "millrace_") && !begins(name, "sqlite_")) {
      found.insert_or_assign(object_key{text(0), std::move(name)}, object_text{text(2), text(3)});
    }
  }
  return code == SQLITE_DONE ? result<schema_objects>{std::move(found)}
                             : tl::unexpected{failure_of(database.get(), code)};
}

} // namespace

result<schema_objects> read_objects(connection& database) {
  return read(database, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
}

result<schema_objects> read_recorded_objects(connection& database) {
  return read(database, "SELECT type, name, table_name, sql FROM millrace_objects");
}

bool says_same(std::string_view one, std::string_view other) {
  token_reader left{one};
  token_reader right{other};
  for (;;) {
    const auto a = left.next();
    const auto b = right.next();
    if (is_word(a) ? !same(a, b) : a != b) {
      return false;
    }
    if (a.empty()) {
      return true;
    }
  }
}

std::vector<schema_difference> differences(const schema_objects& before, const schema_objects& after,
                                           bool (*alike)(std::string_view, std::string_view)) {
  std::vector<schema_difference> found;
  for (const auto& [key, object] : before) {
    const auto now = after.find(key);
    if (now == after.end()) {
      found.push_back({key.type, key.name, object.sql, ""});
    } else if (!alike(object.sql, now->second.sql)) {
      found.push_back({key.type, key.name, object.sql, now->second.sql});
    }
  }
  for (const auto& [key, object] : after) {
    if (!before.contains(key)) {
      found.push_back({key.type, key.name, "", object.sql});
    }
  }
  return found;
}

} // namespace millrace::storage::sqlite
