#include "ending.hpp"

#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace::network {

void end(caf::actor_system& system, const caf::actor& hidden, std::chrono::milliseconds patience) {
  caf::scoped_actor self{system};
  self->monitor(hidden);
  self->send_exit(hidden, caf::exit_reason::user_shutdown);
  self->receive([](const caf::down_msg&) {}, caf::after(patience) >> [] {});
}

} // namespace millrace::network
