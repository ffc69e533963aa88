#pragma once

#include "result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// All file operations of the write-ahead queue go through these two classes, so that a test can drop, tear, delay or
/// fail every one of them.
namespace millrace::storage {

/// An open file. EINTR and short transfers are handled inside; every failure carries the path and the system's words.
class file {
public:
  virtual ~file() = default;

  /// Reads up to `into.size()` bytes; fewer only at the end of the file.
  [[nodiscard]] virtual result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) = 0;
  [[nodiscard]] virtual result<> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  /// fdatasync: the bytes, and the size where it changed.
  [[nodiscard]] virtual result<> sync() = 0;
  /// Reserves disk space and extends the file to `bytes`.
  [[nodiscard]] virtual result<> preallocate(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual result<> truncate(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual result<std::uint64_t> size() = 0;
  /// What is read next comes from the disk, save what was written and not tried to sync yet. Where the system does not
  /// do that, nothing happens.
  virtual void forget_cached() noexcept {}
};

enum class file_mode { read, read_write, create_new };

class file_system {
public:
  virtual ~file_system() = default;

  [[nodiscard]] virtual result<std::unique_ptr<file>> open(const std::filesystem::path& path, file_mode mode) = 0;
  [[nodiscard]] virtual result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  [[nodiscard]] virtual result<> remove(const std::filesystem::path& path) = 0;
  /// File names in a folder, sorted.
  [[nodiscard]] virtual result<std::vector<std::string>> list(const std::filesystem::path& folder) = 0;
  [[nodiscard]] virtual result<> make_folder(const std::filesystem::path& folder) = 0;
  /// Makes renames, creations and removals in the folder durable.
  [[nodiscard]] virtual result<> sync_folder(const std::filesystem::path& folder) = 0;
};

/// The machine's own files. Stateless; lives as long as the process.
file_system& posix_file_system();

} // namespace millrace::storage
