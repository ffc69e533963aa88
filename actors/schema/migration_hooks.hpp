#pragma once

#include "plan.hpp"

#include <chrono>
#include <functional>
#include <optional>

namespace millrace {

/// What a program does itself while it migrates. Called in the thread that migrates, which waits for it; a hook may not
/// use the migrator or the engine that is being opened. One that gives a failure, or throws, ends the run with that;
/// what took effect by then stands. The hooks in SQL that a set has are steps, or part of one, like others.
struct migration_hooks {
  /// Before anything of a run is sent that has something to do, and after all of it took effect. Given what is to be
  /// done, as it was planned first.
  std::function<std::optional<failure>(const migration_plan&)> before_run{};
  std::function<std::optional<failure>(const migration_plan&)> after_run{};
  /// Before each step is sent, and after it took effect.
  std::function<std::optional<failure>(const planned_change&)> before_each{};
  std::function<std::optional<failure>(const planned_change&, std::chrono::milliseconds took)> after_each{};
};

} // namespace millrace
