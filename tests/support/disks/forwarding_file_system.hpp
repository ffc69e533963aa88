#pragma once

#include <millrace/storage/base/file.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

/// What is asked of a file system.
enum class operation {
  open,
  create,
  read,
  write,
  sync,
  preallocate,
  truncate,
  size,
  rename,
  remove,
  list,
  make_folder,
  sync_folder
};

/// One of these, as it is asked. Valid for as long as it is done.
struct file_operation {
  operation what{};
  const std::filesystem::path& path;
  const std::filesystem::path& to; ///< Rename: the new name; otherwise the path again.
  std::uint64_t file = 0; ///< Which open file, counting all that were opened from 1; 0 where it is about names alone.
  storage::file* base = nullptr;                      ///< The open file underneath; none while it is being opened.
  storage::file_mode mode = storage::file_mode::read; ///< Of an opening.
  std::uint64_t offset = 0;                           ///< Read, write.
  std::string_view bytes{};                           ///< Write.
  std::uint64_t size = 0;                             ///< Preallocate, truncate: what it is to be.
};

/// A file system that does what another one does. What a test wants otherwise stands in one function of a derived
/// class: before an operation, after it, or in its place. Any thread, as far as the derived class can.
class forwarding_file_system : public storage::file_system {
public:
  using action = std::function<storage::result<>()>;

  explicit forwarding_file_system(storage::file_system& base = storage::posix_file_system()) : base_(base) {}

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) final;
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) final;
  storage::result<> remove(const std::filesystem::path& path) final;
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) final;
  storage::result<> make_folder(const std::filesystem::path& folder) final;
  storage::result<> sync_folder(const std::filesystem::path& folder) final;

protected:
  /// Every operation comes through here; `proceed` does it, and gives why it failed. What is opened, read, listed or
  /// asked for its size must not succeed without it.
  virtual storage::result<> perform(const file_operation& asked, const action& proceed) = 0;

private:
  class open_file;

  storage::file_system& base_; ///< Not owned.
  std::atomic<std::uint64_t> opened_{0};
};

} // namespace millrace::test
