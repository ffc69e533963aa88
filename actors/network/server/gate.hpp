#pragma once

#include "served_actors.hpp"

#include <millrace/actors/network/connection/connection_book.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <memory>
#include <set>
#include <string>

#include <caf/actor_control_block.hpp>
#include <caf/exit_reason.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/type_erased_tuple.hpp>

namespace millrace::network {

/// What those who come through a gate may do.
struct gate_rules {
  wire::role admits = wire::role::read_write;
  std::chrono::milliseconds query_time_max{0}; ///< 0 for no bound.
};

/// What is published at a port: a stand-in for the actors that serve, which therefore are never known to CAF's broker
/// and to no other node. It passes on requests in the sender's thread and has neither mailbox nor behaviour, so that
/// nothing that is sent to it can end it. It also agrees with those who connect on a version of the messages.
class gate : public caf::monitorable_actor {
public:
  gate(caf::actor_config& config, served_actors served, const gate_rules& rules, std::shared_ptr<connection_book> book);

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override;
  const char* name() const override { return "gate"; }
  std::set<std::string> message_types() const override;

  void close() { cleanup(caf::exit_reason::user_shutdown, nullptr); }

private:
  void greet(const caf::mailbox_element& message);
  void shorten(caf::type_erased_tuple& request) const;
  void calm(caf::type_erased_tuple& request) const;

  caf::strong_actor_ptr engine_;
  caf::strong_actor_ptr operations_;
  gate_rules rules_;
  std::shared_ptr<connection_book> book_;
};

/// `book` knows who is connected.
caf::strong_actor_ptr spawn_gate(caf::actor_system& system, served_actors served, const gate_rules& rules,
                                 std::shared_ptr<connection_book> book);

/// Tells all that watch a gate that it is gone, and makes the registry of actors forget it.
void close_gate(const caf::strong_actor_ptr& made_by_spawn);

} // namespace millrace::network
