#pragma once

#include "options.hpp"

#include <millrace/actors/base/expected.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <cstdint>
#include <memory>
#include <string_view>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace millrace {

struct testing_hooks;

/// An open engine. Destroying it (or `close`) refuses new requests, drains what was accepted within the drain deadline,
/// answers everybody, stops all actors and unlocks the folder. It must not outlive the actor system: a
/// `millrace::actor_system` that is destroyed first closes it and says so in the log, CAF's own waits for it for ever.
class engine {
public:
  engine(engine&&) noexcept;
  engine& operator=(engine&&) noexcept;
  ~engine();

  /// The one stable address. Valid after restarts of everything behind it; after `close` it answers `shutting_down`.
  const engine_actor& front() const noexcept;

  /// What only operators may do: look at quarantine, resubmit, discard. Answers `shutting_down` after `close`.
  const operations_actor& operations() const noexcept;

  /// What recovery found when the engine was opened.
  const storage::recovery_report& recovery() const noexcept;

  /// The supervised actor with an id (`"queue"`, `"writer"`, `"reader-1"`, …, `"monitor"`) as it is now; null while it
  /// is being restarted. For tests, and for tools that kill actors to show that nothing is lost.
  caf::actor child(std::string_view id) const;

  /// How often the actor was restarted.
  std::uint64_t restarts(std::string_view id) const;

  /// Idempotent. Blocks for at most the drain deadline and a little. Then the folder is free for another engine, and as
  /// small as what it holds.
  void close();

private:
  friend expected<engine> open(caf::actor_system& system, options settings, testing_hooks hooks);
  class impl;
  explicit engine(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

/// Opens a data folder and starts everything: recovers the log, applies what was accepted but not applied, applies the
/// schema. Blocks until the engine serves, which it does after `options::replay_wait` though some of the log is still
/// to be applied, unless schema scripts come after that. Errors say what to do: a missing, locked, foreign or newer
/// folder, damage, a schema file that changed since it was applied; `shutting_down` where it was called off.
[[nodiscard]] expected<engine> open(caf::actor_system& system, options settings);

} // namespace millrace
