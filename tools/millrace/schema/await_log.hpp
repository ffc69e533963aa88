#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <caf/fwd.hpp>

namespace millrace::tools {

/// What a command says that only reads and is interrupted.
constexpr auto interrupted_reading = "Interrupted. Nothing was changed.";

/// Waits for what is in the log by now to be applied, for a moment; where it is not, says on stderr how much that is.
/// What is read afterwards may be without it.
void await_log(caf::actor_system& system, const engine_actor& front);

} // namespace millrace::tools
