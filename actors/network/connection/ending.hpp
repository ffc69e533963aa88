#pragma once

#include <chrono>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace millrace::network {

/// Ends an actor that its system does not wait for (`caf::hidden`), and waits until it has ended: what such an actor
/// asks of the system's clock while the system ends is never freed, and an actor with a thread of its own then keeps
/// the system from ending for ever. Not from an actor of that system; it outlives the call.
void end(caf::actor_system& system, const caf::actor& hidden, std::chrono::milliseconds patience);

} // namespace millrace::network
