#pragma once

#include "hexadecimal.hpp"

#include <millrace/messages/uuid.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::network::http {

/// As RFC 9562 writes it: five groups of lower-case hexadecimal digits with dashes between them.
inline std::string to_text(const uuid& id) {
  std::string text;
  append_hexadecimal(text, {reinterpret_cast<const char*>(id.data()), id.size()});
  for (const auto dash : {8, 13, 18, 23}) {
    text.insert(static_cast<std::size_t>(dash), 1, '-');
  }
  return text;
}

/// Nothing where it is none. Dashes may be left out.
inline std::optional<uuid> uuid_in(std::string_view text) {
  std::string digits{text};
  std::erase(digits, '-');
  const auto bytes = from_hexadecimal(digits);
  uuid id{};
  if (!bytes || bytes->size() != id.size()) {
    return std::nullopt;
  }
  std::ranges::copy(*bytes, id.begin());
  return id;
}

} // namespace millrace::network::http
