#pragma once

#include <millrace/tests/support/disks/forwarding_file_system.hpp>
#include <millrace/tests/support/disks/vfs_shim.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::test {

/// Whose file operations are counted.
enum class file_owner { queue, database };

/// Which operation fails, and how.
struct file_fault {
  file_owner owner = file_owner::queue;
  std::uint64_t nth = 0; ///< Counted from 1; 0 for none.
  bool lasts = false;    ///< Whether all that follow fail as well, until healed.
  bool full = false;     ///< ENOSPC. Where it lasts only what needs room fails; where not, what needs none gets EIO.
  bool torn = false;     ///< Whether a write that fails leaves its first half behind.
  bool drops = false;    ///< Whether a sync that fails loses what was written since the one before.
};

std::string describe(const file_fault& fault);

/// Counts the file operations of a data folder and decides which of them fail. Any thread.
class fault_plan {
public:
  explicit fault_plan(const file_fault& fault) : fault_(fault) {}

  struct verdict {
    bool fails = false;
    bool full = false; ///< With ENOSPC instead of EIO.
  };
  verdict judge(file_owner owner, bool needs_room, std::string_view what, std::string_view path);

  /// The fault is over, for good.
  void heal();
  /// The process would have ended here: whatever it does from now on fails.
  void die();
  bool dead() const;
  /// A new process.
  void revive();

  /// Waits until the fault has struck, or `heal` was called.
  void wait_until_struck();
  /// What it struck first; empty where it did not.
  std::string struck() const;
  std::uint64_t operations(file_owner owner) const;

  const file_fault& fault() const noexcept { return fault_; }

  // What the file system tells.
  void sync_failed() { failed_syncs_.fetch_add(1); }
  void sync_tried_again() { retried_syncs_.fetch_add(1); }
  std::uint64_t failed_syncs() const { return failed_syncs_.load(); }
  std::uint64_t retried_syncs() const { return retried_syncs_.load(); }

private:
  const file_fault fault_;
  mutable std::mutex mutex_; ///< Guards all below.
  std::condition_variable changed_;
  std::map<file_owner, std::uint64_t> done_;
  std::string struck_;
  bool healed_ = false;
  bool dead_ = false;
  std::atomic<std::uint64_t> failed_syncs_{0};  ///< Of the queue.
  std::atomic<std::uint64_t> retried_syncs_{0}; ///< On a file whose sync had failed already.
};

/// The machine's files, failing as planned.
class failing_file_system final : public forwarding_file_system {
public:
  explicit failing_file_system(fault_plan& plan) : plan_(plan) {}

private:
  /// Used by one thread at a time.
  struct open_file {
    std::vector<std::pair<std::uint64_t, std::string>> unsynced; ///< What stood there before.
    bool sync_failed = false;
  };

  storage::result<> perform(const file_operation& asked, const action& proceed) override;
  storage::result<> check(const file_operation& asked);
  storage::result<> fail(const file_operation& asked, storage::result<> why);
  open_file& file_of(const file_operation& asked);
  void remember(const file_operation& asked, std::size_t bytes);

  fault_plan& plan_;
  std::mutex mutex_;
  std::map<std::uint64_t, open_file> files_; ///< By number. Guarded by `mutex_`.
};

/// SQLite's file operations, failing as planned. Closing and unlocking never fail.
class failing_database final : public vfs_observer {
public:
  explicit failing_database(fault_plan& plan) : plan_(plan) {}
  failing_database(const failing_database&) = delete;
  failing_database& operator=(const failing_database&) = delete;
  /// No database may be open: closing a file lets go of the process's locks on it.
  ~failing_database() override;

  int before(const vfs_operation& operation) override;

private:
  void write_first_half(const vfs_operation& operation);

  fault_plan& plan_;
  std::mutex mutex_;
  std::map<std::string, int, std::less<>> torn_; ///< Descriptors of files that were torn. Guarded by `mutex_`.
};

} // namespace millrace::test
