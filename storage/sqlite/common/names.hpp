#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

/// Names as SQLite compares them: without regard to the case of ASCII letters.
namespace millrace::storage::sqlite {

constexpr char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

constexpr bool same(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right, {}, lower, lower);
}

constexpr bool begins(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && same(text.substr(0, prefix.size()), prefix);
}

constexpr bool ends(std::string_view text, std::string_view ending) noexcept {
  return text.size() >= ending.size() && same(text.substr(text.size() - ending.size()), ending);
}

template <std::size_t Size>
constexpr bool contains(const std::array<std::string_view, Size>& names, std::string_view name) noexcept {
  return std::ranges::any_of(names, [name](std::string_view known) { return same(known, name); });
}

} // namespace millrace::storage::sqlite
