#pragma once

#include "engine.hpp"

#include <millrace/storage/base/file.hpp>

#include <functional>

namespace millrace {

/// What a test puts in place of the machine. No part of what is installed.
struct testing_hooks {
  /// Where the write-ahead queue's file operations go; null means the machine's own files. Must outlive the engine.
  storage::file_system* files = nullptr;
  /// For simulations in one thread, on CAF's test coordinator: no actor gets a thread of its own, and opening and
  /// closing call this, which lets something run or time pass, instead of blocking. Empty means threads.
  std::function<void()> simulation_step;
};

/// As `open` without hooks.
[[nodiscard]] expected<engine> open(caf::actor_system& system, options settings, testing_hooks hooks);

} // namespace millrace
