#include "gate.hpp"

#include "answer.hpp"

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/sec.hpp>

namespace millrace::network {

gate::gate(caf::actor_config& config, caf::strong_actor_ptr served, std::set<std::string> interface)
  : caf::monitorable_actor(config), served_(std::move(served)), interface_(std::move(interface)) {}

void gate::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  if (message->content().empty()) {
    // What CAF makes of values that it cannot read.
    return answer(*message, caf::make_error(caf::sec::unexpected_message));
  }
  served_->enqueue(std::move(message), host);
}

caf::strong_actor_ptr spawn_gate(caf::actor_system& system, caf::strong_actor_ptr served,
                                 std::set<std::string> interface) {
  caf::actor_config config;
  return caf::make_actor<gate, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config,
                                                      std::move(served), std::move(interface));
}

void close_gate(const caf::strong_actor_ptr& made_by_spawn) {
  static_cast<gate*>(caf::actor_cast<caf::abstract_actor*>(made_by_spawn))->close();
}

} // namespace millrace::network
