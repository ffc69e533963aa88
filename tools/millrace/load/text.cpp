#include "text.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/tools/millrace/common/console.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>

namespace millrace::tools {

namespace {

constexpr auto reserved_prefixes = std::array<std::string_view, 2>{"sqlite_", "millrace_"};
constexpr auto schema_prefixes = std::array<std::string_view, 2>{"main.", "temp."};

unsigned byte_at(std::string_view text, std::size_t position) noexcept {
  return static_cast<unsigned char>(text[position]);
}

/// How many bytes the character at the front of a text takes; 0 where none stands there.
std::size_t character_bytes(std::string_view text) noexcept {
  const auto first = byte_at(text, 0);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) {
    return 0;
  }
  // No characters in more bytes than they need, no halves of surrogate pairs, nothing beyond U+10FFFF.
  const auto least = first == 0xE0 ? 0xA0U : first == 0xF0 ? 0x90U : 0x80U;
  const auto most = first == 0xED ? 0x9FU : first == 0xF4 ? 0x8FU : 0xBFU;
  if (byte_at(text, 1) < least || byte_at(text, 1) > most) {
    return 0;
  }
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte_at(text, i) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  return size;
}

bool begins_with_one_of(std::string_view text, const std::array<std::string_view, 2>& prefixes) noexcept {
  return std::ranges::any_of(prefixes, [text](std::string_view prefix) { return text.starts_with(prefix); });
}

} // namespace

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto size = character_bytes(text);
    if (size == 0) {
      return false;
    }
    text.remove_prefix(size);
  }
  return true;
}

std::string folded(std::string_view name) {
  std::string result{name};
  std::ranges::transform(result, result.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return result;
}

std::optional<std::string> text_problem(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return "holds a zero byte, as text in UTF-16 does; convert the file first (iconv -f UTF-16LE -t UTF-8)";
  }
  if (!is_utf8(text)) {
    return "is not UTF-8; convert the file first (iconv -f LATIN1 -t UTF-8, say)";
  }
  return std::nullopt;
}

std::optional<std::string> encoding_problem(int first_byte) {
  if (first_byte != 0xFE && first_byte != 0xFF) {
    return std::nullopt;
  }
  return "it is in UTF-16 or UTF-32, by its first byte; convert it first (iconv -f UTF-16 -t UTF-8)";
}

std::optional<std::string> columns_problem(std::span<const std::string> names) {
  if (names.size() > limits::parameters_max) {
    return "it has " + grouped(names.size()) + " columns, and a table takes " + grouped(limits::parameters_max)
           + " of them at most";
  }
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto column = "column " + std::to_string(i + 1);
    if (names[i].empty()) {
      return column + " has no name; give all names with --columns (and --header, where the first line is no data)";
    }
    if (const auto problem = text_problem(names[i])) {
      return "the name of " + column + ' ' + *problem;
    }
    const auto [earlier, fresh] = seen.emplace(folded(names[i]), i);
    if (!fresh) {
      return "columns " + std::to_string(earlier->second + 1) + " (" + names[earlier->second] + ") and "
             + std::to_string(i + 1) + " (" + names[i]
             + ") have one name to SQL; give others with --columns and --header";
    }
  }
  return std::nullopt;
}

std::string table_problem(const std::string& name) {
  if (name.empty()) {
    return "the table has no name";
  }
  if (!is_utf8(name)) {
    return "the table's name is not UTF-8";
  }
  if (begins_with_one_of(folded(name), reserved_prefixes)) {
    return "names that begin with sqlite_ or millrace_ are kept for SQLite and Millrace";
  }
  if (begins_with_one_of(folded(name), schema_prefixes)) {
    return "give the table's name alone, " + name.substr(name.find('.') + 1) + "; a folder has one database";
  }
  return {};
}

} // namespace millrace::tools
