#include "sql_tokens.hpp"

#include "names.hpp"

#include <algorithm>
#include <cstddef>

namespace millrace::storage::sqlite {

namespace {

bool is_space(char letter) noexcept {
  return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

bool belongs_to_word(char letter) noexcept {
  return (letter >= '0' && letter <= '9') || (lower(letter) >= 'a' && lower(letter) <= 'z') || letter == '_'
         || letter == '$' || static_cast<unsigned char>(letter) >= 0x80;
}

/// Of the token at the beginning of a text that begins with one.
std::size_t length_of_token(std::string_view sql) noexcept {
  const char first = sql.front();
  if (first == '\'' || first == '"' || first == '`' || first == '[') {
    const auto end = sql.find(first == '[' ? ']' : first, 1);
    return end == std::string_view::npos ? sql.size() : end + 1;
  }
  if (!belongs_to_word(first)) {
    return 1;
  }
  return static_cast<std::size_t>(std::ranges::find_if_not(sql, belongs_to_word) - sql.begin());
}

} // namespace

std::string_view skip_blank(std::string_view sql) noexcept {
  for (;;) {
    const auto before = sql.size();
    while (!sql.empty() && is_space(sql.front())) {
      sql.remove_prefix(1);
    }
    if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (sql.starts_with("/*")) {
      const auto end = sql.find("*/", 2);
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 2);
    }
    if (sql.size() == before) {
      return sql;
    }
  }
}

bool is_word(std::string_view token) noexcept {
  return !token.empty() && belongs_to_word(token.front());
}

std::string quoted_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char letter : name) {
    quoted.append(letter == '"' ? 2 : 1, letter);
  }
  return quoted += '"';
}

std::string_view token_reader::next() noexcept {
  rest_ = skip_blank(rest_);
  const auto token = rest_.substr(0, rest_.empty() ? 0 : length_of_token(rest_));
  rest_.remove_prefix(token.size());
  return token;
}

} // namespace millrace::storage::sqlite
