#pragma once

#include <millrace/messages/uuid.hpp>

#include <charconv>
#include <string>
#include <string_view>

namespace millrace::test {

/// A UUID as digits alone, for a process's arguments.
inline std::string to_hex(const uuid& id) {
  constexpr std::string_view digits{"0123456789abcdef"};
  std::string text;
  for (const auto byte : id) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

inline uuid from_hex(std::string_view text) {
  uuid id{};
  for (std::size_t i = 0; i < id.size(); ++i) {
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, id[i], 16);
  }
  return id;
}

} // namespace millrace::test
