#include "sql_text.hpp"

#include <algorithm>
#include <cctype>

namespace millrace::tools {

namespace {

std::string_view skip_comment(std::string_view sql, std::string_view opening, std::string_view closing) {
  if (!sql.starts_with(opening)) {
    return sql;
  }
  const auto end = sql.find(closing, opening.size());
  return end == std::string_view::npos ? std::string_view{} : sql.substr(end + closing.size());
}

std::string_view skip_to_word(std::string_view sql) {
  while (!sql.empty()) {
    const auto before = sql.size();
    sql.remove_prefix(std::min(sql.find_first_not_of(" \t\r\n\f;("), sql.size()));
    sql = skip_comment(sql, "--", "\n");
    sql = skip_comment(sql, "/*", "*/");
    if (sql.size() == before) {
      break;
    }
  }
  return sql;
}

} // namespace

std::string quote_identifier(std::string_view name) {
  std::string result = "\"";
  for (const char character : name) {
    result.append(character == '"' ? 2 : 1, character);
  }
  return result += '"';
}

std::string identifier_list(std::span<const std::string> names, std::string_view suffix) {
  std::string result;
  for (const auto& name : names) {
    result += result.empty() ? "" : ", ";
    result += quote_identifier(name);
    result += suffix;
  }
  return result;
}

std::string insert_statement(std::string_view table, std::span<const std::string> columns) {
  std::string places;
  for (std::size_t i = 1; i <= columns.size(); ++i) {
    places += (i == 1 ? "?" : ", ?") + std::to_string(i);
  }
  return "INSERT INTO " + quote_identifier(table) + "(" + identifier_list(columns) + ") VALUES (" + places + ")";
}

std::string first_word(std::string_view sql) {
  sql = skip_to_word(sql);
  std::string word;
  for (const char character : sql) {
    if (std::isalpha(static_cast<unsigned char>(character)) == 0) {
      break;
    }
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  }
  return word;
}

} // namespace millrace::tools
