#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::network::http {

/// Two digits for each byte, in lower case.
inline void append_hexadecimal(std::string& out, std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  out.reserve(out.size() + 2 * bytes.size());
  for (const char one : bytes) {
    const auto byte = static_cast<unsigned char>(one);
    out += digits[byte >> 4U];
    out += digits[byte & 0xFU];
  }
}

/// Nothing where a character is no digit, or half a byte is left.
inline std::optional<std::string> from_hexadecimal(std::string_view text) {
  const auto digit = [](char one) {
    if (one >= '0' && one <= '9') {
      return one - '0';
    }
    const auto lower = static_cast<char>(one | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

} // namespace millrace::network::http
