#pragma once

#include <millrace/actors/network/connection/role.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/fwd.hpp>

namespace millrace::network {

/// Who wants to hear of the server's health, over all sessions. Any thread.
class subscriber_list {
public:
  void add(caf::strong_actor_ptr one);
  std::vector<caf::strong_actor_ptr> all() const;

private:
  mutable std::mutex mutex_;
  std::vector<caf::strong_actor_ptr> subscribers_;
};

struct session_options {
  /// The engine at the other end.
  operator_actor server;
  /// What it lets this program do. Anything else is not sent, but answered `wrong_role`.
  role granted = role::read;
  std::shared_ptr<subscriber_list> subscribers;
  /// How often it is asked whether it is there, and how long it may take to say so.
  std::chrono::milliseconds ping_interval{};
  /// Ends the connection.
  std::function<void()> hang_up;
};

using session_actor = operator_actor::extend<caf::reacts_to<health_changed>, caf::reacts_to<breaker_changed>,
                                             caf::reacts_to<caf::tick_atom>>;

/// One connection's life: it asks on behalf of all actors here, so that the server knows of one, and knows what is not
/// answered when the connection is lost. CAF 0.17.6 tells nobody of a request that was lost with its node; this does.
/// It ends with the connection.
session_actor spawn_session(caf::actor_system& system, session_options settings);

} // namespace millrace::network
