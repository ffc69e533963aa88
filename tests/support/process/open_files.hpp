#pragma once

#include <cstddef>
#include <filesystem>
#include <system_error>

namespace millrace::test {

/// How many files below a folder this process has open, those included that have no name any more.
inline std::size_t open_files(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& one : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code ended; // The one that the iterator itself has.
    count += std::filesystem::read_symlink(one, ended).native().starts_with(folder.native() + "/") ? 1 : 0;
  }
  return count;
}

} // namespace millrace::test
