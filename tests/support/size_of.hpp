#pragma once

#include <cstdint>
#include <filesystem>
#include <system_error>

namespace millrace::test {

/// The bytes of a file; 0 where there is none yet.
inline std::uintmax_t size_of(const std::filesystem::path& file) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(file, missing);
  return missing ? 0 : size;
}

} // namespace millrace::test
