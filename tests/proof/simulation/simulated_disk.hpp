#pragma once

#include "simulation_machine.hpp"

#include <millrace/tests/support/disks/forwarding_file_system.hpp>
#include <millrace/tests/support/disks/memory_file_system.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace millrace::test {

/// A base class, so that they are there before the file system that forwards to them.
struct files_in_memory {
  memory_file_system files_;
};

/// The disk of a simulated machine, for the write-ahead queue: it remembers what was synced, takes its time, is full
/// now and then, and knows the moment when the machine stops.
class simulated_disk final : private files_in_memory, public forwarding_file_system {
public:
  simulated_disk(simulation_machine& machine, memory_file_system files)
    : files_in_memory{std::move(files)}, forwarding_file_system(files_), machine_(machine) {}

  /// How long one sync takes from now on.
  std::chrono::nanoseconds sync_time{0};
  /// Whether no file can grow.
  bool full = false;

  /// Calls `crash` before the given operation from now, counting from 1, and then never again. The disk works on, so
  /// that what is left of the machine can be taken down; nobody is to look at it any more.
  void crash_before(std::uint64_t operation, std::function<void()> crash);

  const memory_file_system& files() const noexcept { return files_; }
  std::uint64_t syncs() const noexcept { return syncs_; }

private:
  storage::result<> perform(const file_operation& asked, const action& proceed) override;
  /// Before each operation that changes something.
  void operate();

  simulation_machine& machine_;       ///< Not owned; outlives the disk.
  std::uint64_t operations_left_ = 0; ///< Before the crash; 0 where none is to come.
  std::function<void()> crash_;
  std::uint64_t syncs_ = 0;
};

} // namespace millrace::test
