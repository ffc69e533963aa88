#pragma once

#include "basp_frame.hpp"

#include <caf/fwd.hpp>
#include <caf/io/network/default_multiplexer.hpp>

namespace millrace::network {

/// This program's node, as it names itself in handshakes.
node_bytes own_node_of(caf::actor_system& system);

/// What reads and writes all sockets of an actor system, in a thread of its own.
caf::io::network::default_multiplexer& loop_of(caf::actor_system& system);

} // namespace millrace::network
