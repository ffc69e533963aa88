#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <mutex>
#include <set>
#include <string>
#include <utility>

#include <caf/fwd.hpp>

namespace millrace::tools {

/// What an engine says is wrong with it, such as a full disk, for which what was asked of it may only wait. Any thread.
class engine_voice {
public:
  /// The actor system outlives this.
  engine_voice(caf::actor_system& system, engine_actor front) : system_(system), front_(std::move(front)) {}

  /// A line each, and none that was given before: those that differ in their numbers alone are the same. Empty where
  /// nothing is new, or the engine does not answer within a second.
  std::string news();

private:
  caf::actor_system& system_; ///< Not owned.
  engine_actor front_;
  std::mutex mutex_;
  std::set<std::string> told_;
};

} // namespace millrace::tools
