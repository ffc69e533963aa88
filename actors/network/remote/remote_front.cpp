#include "remote_front.hpp"

#include <millrace/actors/base/answer.hpp>

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>

namespace millrace::network {

void remote_front::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  if (!wire::least_role(message->content())) {
    return answer_unexpected(*message);
  }
  caf::strong_actor_ptr session;
  failure obstacle;
  {
    const std::lock_guard lock{mutex_};
    session = session_;
    if (!session) {
      obstacle = obstacle_.value_or(failure{errc::unavailable, "there has been no connection yet"});
    }
  }
  if (session) {
    session->enqueue(std::move(message), host);
  } else {
    answer(*message, to_error(std::move(obstacle)));
  }
}

std::set<std::string> remote_front::message_types() const {
  return home_system().message_types<operator_actor>();
}

void remote_front::connected(caf::strong_actor_ptr session, wire::role granted) {
  const std::lock_guard lock{mutex_};
  session_ = std::move(session);
  granted_ = granted;
}

void remote_front::disconnected(failure obstacle) {
  caf::strong_actor_ptr former; // Let go of without the lock.
  const std::lock_guard lock{mutex_};
  former.swap(session_);
  obstacle_ = std::move(obstacle);
}

std::optional<wire::role> remote_front::granted() const {
  const std::lock_guard lock{mutex_};
  return session_ ? std::optional{granted_} : std::nullopt;
}

std::optional<failure> remote_front::obstacle() const {
  const std::lock_guard lock{mutex_};
  return session_ ? std::nullopt : obstacle_;
}

spawned_remote_front spawn_remote_front(caf::actor_system& system) {
  caf::actor_config config;
  auto made = caf::make_actor<remote_front, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system,
                                                                   config);
  auto* state = static_cast<remote_front*>(caf::actor_cast<caf::abstract_actor*>(made));
  return {caf::actor_cast<operator_actor>(std::move(made)), state};
}

} // namespace millrace::network
