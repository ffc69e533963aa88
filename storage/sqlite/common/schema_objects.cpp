#include "schema_objects.hpp"

#include "error.hpp"
#include "names.hpp"
#include "prepared_statement.hpp"
#include "rows.hpp"

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

bool is_space(char letter) noexcept {
  return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

bool is_word(char letter) noexcept {
  return (letter >= '0' && letter <= '9') || (lower(letter) >= 'a' && lower(letter) <= 'z') || letter == '_'
         || letter == '$' || static_cast<unsigned char>(letter) >= 0x80;
}

/// The tokens of an SQL text one after another; empty at its end. What is quoted is one token.
class token_reader {
public:
  explicit token_reader(std::string_view sql) noexcept : rest_(sql) {}

  std::string_view next() noexcept {
    skip();
    return take(length());
  }

private:
  std::string_view take(std::size_t count) noexcept {
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  void skip() noexcept {
    for (;;) {
      const auto before = rest_.size();
      while (!rest_.empty() && is_space(rest_.front())) {
        rest_.remove_prefix(1);
      }
      if (rest_.starts_with("--")) {
        take(std::min(rest_.find('\n'), rest_.size()));
      } else if (rest_.starts_with("/*")) {
        const auto end = rest_.find("*/", 2);
        take(end == std::string_view::npos ? rest_.size() : end + 2);
      }
      if (rest_.size() == before) {
        return;
      }
    }
  }

  std::size_t length() const noexcept {
    if (rest_.empty()) {
      return 0;
    }
    const char first = rest_.front();
    if (first == '\'' || first == '"' || first == '`' || first == '[') {
      const auto end = rest_.find(first == '[' ? ']' : first, 1);
      return end == std::string_view::npos ? rest_.size() : end + 1;
    }
    if (!is_word(first)) {
      return 1;
    }
    return static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_word) - rest_.begin());
  }

  std::string_view rest_;
};

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
    const bool word = !a.empty() && is_word(a.front());
    if (word ? !same(a, b) : a != b) {
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
