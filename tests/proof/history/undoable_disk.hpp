#pragma once

#include <millrace/tests/support/disks/forwarding_file_system.hpp>
#include <millrace/tests/support/disks/vfs_shim.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace millrace::test::histories {

/// The machine's files, for the write-ahead queue and, as an observer, for SQLite. It remembers how to undo what was
/// not synced, so that a process can end as if the machine had lost its power: of what was not synced each sector and
/// each name is lost or kept by chance. And it keeps a copy of every segment of the queue that is given up. Any thread.
class undoable_disk final : public forwarding_file_system, public vfs_observer {
public:
  /// Segments are copied into `archive`. `trash` holds what was removed and may have to come back.
  undoable_disk(std::filesystem::path archive, std::filesystem::path trash, bool remembers);

  /// Undoes what a power loss may take and ends the process. `witnesses` is taken before, for good: who writes down
  /// what was seen under it writes nothing of files half undone.
  [[noreturn]] void lose_power(std::uint64_t seed, std::mutex& witnesses);

  int before(const vfs_operation& operation) override;
  void after(const vfs_operation& operation, int code) override;

private:
  /// One thing that is not synced. Bytes are undone sector by sector, names whole.
  struct change {
    int descriptor = -1;    ///< Of the file written; -1 for a change of names.
    std::uint64_t file = 0; ///< Its inode.
    std::int64_t offset = 0;
    std::string bytes_before;
    std::int64_t size_before = 0;
    std::function<void()> undo; ///< Of a change of names.
  };

  storage::result<> perform(const file_operation& asked, const action& proceed) override;
  storage::result<> sync(const file_operation& asked, const action& proceed);
  void remember_before(const file_operation& asked);
  storage::result<> replace(const file_operation& asked, const action& proceed);

  int opened(std::uint64_t file) const;
  bool writes_frame() const;
  int descriptor_of(const std::string& path);
  void remember_bytes(int descriptor, std::int64_t offset, std::size_t count);
  void remember_name(std::function<void()> undo);
  void forget(int descriptor);
  std::filesystem::path keep_aside(const std::filesystem::path& path);
  void archive(const std::filesystem::path& path) const;

  const std::filesystem::path archive_;
  const std::filesystem::path trash_;
  const bool remembers_;
  std::mutex mutex_;
  std::vector<change> changes_; ///< Oldest first.
  /// The queue's open files, by their number. Open for as long as something may be undone: until the process ends.
  std::map<std::uint64_t, int> opened_;
  std::map<std::string, int> descriptors_; ///< SQLite's files; never closed, which would drop SQLite's locks.
  std::uint64_t put_aside_ = 0;
};

} // namespace millrace::test::histories
