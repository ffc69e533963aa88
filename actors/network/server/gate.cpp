#include "gate.hpp"

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/network/connection/request.hpp>

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>

namespace millrace::network {

gate::gate(caf::actor_config& config, served_actors served, std::set<std::string> interface)
  : caf::monitorable_actor(config),
    engine_(caf::actor_cast<caf::strong_actor_ptr>(std::move(served.engine))),
    operations_(caf::actor_cast<caf::strong_actor_ptr>(std::move(served.operations))),
    interface_(std::move(interface)) {}

void gate::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto& served = is_operation(message->content()) ? operations_ : engine_;
  // CAF makes an empty message of values that it cannot read.
  if (message->content().empty() || !served) {
    return answer_unexpected(*message);
  }
  served->enqueue(std::move(message), host);
}

caf::strong_actor_ptr spawn_gate(caf::actor_system& system, served_actors served, std::set<std::string> interface) {
  caf::actor_config config;
  return caf::make_actor<gate, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config,
                                                      std::move(served), std::move(interface));
}

void close_gate(const caf::strong_actor_ptr& made_by_spawn) {
  static_cast<gate*>(caf::actor_cast<caf::abstract_actor*>(made_by_spawn))->close();
}

} // namespace millrace::network
