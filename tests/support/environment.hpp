#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace millrace::test {

/// A number from the environment, such as a seed or how often something is tried. Throws where it is no number, since a
/// test that tries nothing would pass.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

} // namespace millrace::test
