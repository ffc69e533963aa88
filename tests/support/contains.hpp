#pragma once

#include <string_view>

namespace millrace::test {

/// Whether a text has a part.
inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace millrace::test
