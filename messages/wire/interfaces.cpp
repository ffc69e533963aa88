#include "interfaces.hpp"

#include <caf/actor_system.hpp>

namespace millrace::wire {

std::set<std::string> interface_of(role granted, const caf::actor_system& system) {
  switch (granted) {
    case role::read:
      return system.message_types<query_actor>();
    case role::read_write:
      return system.message_types<engine_actor>();
    case role::operations:
      break;
  }
  return system.message_types<operator_actor>();
}

} // namespace millrace::wire
