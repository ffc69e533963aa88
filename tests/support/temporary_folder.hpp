#pragma once

#include <filesystem>
#include <stdexcept>
#include <system_error>

#include <stdlib.h> // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX's.

namespace millrace::test {

/// In memory where the machine has such a place, for tests that are not about the disk itself.
inline std::filesystem::path fast_place() {
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
}

/// A folder of its own for a test, removed afterwards with everything in it.
class temporary_folder {
public:
  explicit temporary_folder(const std::filesystem::path& where = std::filesystem::temp_directory_path()) {
    auto pattern = (where / "millrace-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error{"no temporary folder"};
    }
    path_ = pattern;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace millrace::test
