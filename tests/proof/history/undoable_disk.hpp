#pragma once

#include <millrace/storage/base/file.hpp>
#include <millrace/tests/support/disks/vfs_shim.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace millrace::test::histories {

/// The machine's files, for the write-ahead queue and, as an observer, for SQLite. It remembers how to undo what was
/// not synced, so that a process can end as if the machine had lost its power: of what was not synced each sector and
/// each name is lost or kept by chance. And it keeps a copy of every segment of the queue that is given up. Any thread.
class undoable_disk final : public storage::file_system, public vfs_observer {
public:
  /// Segments are copied into `archive`. `trash` holds what was removed and may have to come back.
  undoable_disk(std::filesystem::path archive, std::filesystem::path trash, bool remembers);

  /// Undoes what a power loss may take and ends the process. `witnesses` is taken before, for good: who writes down
  /// what was seen under it writes nothing of files half undone.
  [[noreturn]] void lose_power(std::uint64_t seed, std::mutex& witnesses);

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override;
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  storage::result<> remove(const std::filesystem::path& path) override;
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override;
  storage::result<> make_folder(const std::filesystem::path& folder) override;
  storage::result<> sync_folder(const std::filesystem::path& folder) override;

  int before(const vfs_operation& operation) override;
  void after(const vfs_operation& operation, int code) override;

private:
  class disk_file;
  /// One thing that is not synced. Bytes are undone sector by sector, names whole.
  struct change {
    int descriptor = -1;    ///< Of the file written; -1 for a change of names.
    std::uint64_t file = 0; ///< Its inode.
    std::int64_t offset = 0;
    std::string bytes_before;
    std::int64_t size_before = 0;
    std::function<void()> undo; ///< Of a change of names.
  };

  bool writes_frame() const;
  int descriptor_of(const std::string& path);
  void remember_bytes(int descriptor, std::int64_t offset, std::size_t count);
  void remember_name(std::function<void()> undo);
  void forget(int descriptor);
  std::filesystem::path keep_aside(const std::filesystem::path& path);
  void archive(const std::filesystem::path& path) const;

  storage::file_system& base_ = storage::posix_file_system();
  const std::filesystem::path archive_;
  const std::filesystem::path trash_;
  const bool remembers_;
  std::mutex mutex_;
  std::vector<change> changes_;            ///< Oldest first.
  std::map<std::string, int> descriptors_; ///< SQLite's files; never closed, which would drop SQLite's locks.
  std::uint64_t put_aside_ = 0;
};

} // namespace millrace::test::histories
