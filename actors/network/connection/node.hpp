#pragma once

#include <millrace/actors/network/guard/basp_frame.hpp>

#include <optional>
#include <string>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>
#include <caf/io/fwd.hpp>
#include <caf/io/network/default_multiplexer.hpp>

namespace millrace::network {

/// Why an actor system can have no connections, as a sentence; nothing where it can.
std::optional<std::string> check_middleman(const caf::actor_system& system);

/// A node as it names itself in handshakes, and back.
node_bytes bytes_of(const caf::node_id& node);
caf::node_id node_of(const node_bytes& node);

/// Lets CAF's broker forget the node of a connection that has ended. By itself it keeps an actor for each node that
/// ever shook hands, some 1,100 bytes. At once in the thread that reads and writes, and soon in any other.
void forget_node(caf::actor_system& system, const caf::actor& broker, const node_bytes& node);

/// Throws away what CAF's broker has written for connections that have ended: it collects that, and keeps it for ever.
/// In the thread that reads and writes.
void drop_unsent(const caf::actor& broker);

/// CAF's broker for connections to other nodes, and what it is, for the thread that reads and writes alone.
caf::actor broker_of(caf::actor_system& system);
caf::io::basp_broker& state_of(const caf::actor& broker);

/// What reads and writes all sockets of an actor system, in a thread of its own.
caf::io::network::default_multiplexer& loop_of(caf::actor_system& system);

} // namespace millrace::network
