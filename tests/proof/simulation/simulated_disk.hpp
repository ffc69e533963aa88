#pragma once

#include "simulation_machine.hpp"

#include <millrace/tests/support/disks/memory_file_system.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millrace::test {

/// The disk of a simulated machine, for the write-ahead queue: it remembers what was synced, takes its time, is full
/// now and then, and knows the moment when the machine stops.
class simulated_disk final : public storage::file_system {
public:
  simulated_disk(simulation_machine& machine, memory_file_system files) : machine_(machine), files_(std::move(files)) {}

  /// How long one sync takes from now on.
  std::chrono::nanoseconds sync_time{0};
  /// Whether no file can grow.
  bool full = false;

  /// Calls `crash` before the given operation from now, counting from 1, and then never again. The disk works on, so
  /// that what is left of the machine can be taken down; nobody is to look at it any more.
  void crash_before(std::uint64_t operation, std::function<void()> crash);

  const memory_file_system& files() const noexcept { return files_; }
  std::uint64_t syncs() const noexcept { return syncs_; }

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override;
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  storage::result<> remove(const std::filesystem::path& path) override;
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override;
  storage::result<> make_folder(const std::filesystem::path& folder) override;
  storage::result<> sync_folder(const std::filesystem::path& folder) override;

private:
  class open_file;

  /// Before each operation that changes something.
  void operate();
  void take_sync_time();

  simulation_machine& machine_; ///< Not owned; outlives the disk.
  memory_file_system files_;
  std::uint64_t operations_left_ = 0; ///< Before the crash; 0 where none is to come.
  std::function<void()> crash_;
  std::uint64_t syncs_ = 0;
};

} // namespace millrace::test
