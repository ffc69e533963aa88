#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

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

/// Hears that a server and this program have agreed on a version.
using welcome_listener = caf::typed_actor<caf::reacts_to<wire::welcome>>;

struct session_options {
  /// The engine at the other end.
  operator_actor server;
  /// Is sent the server's `welcome`; before that no request may come.
  welcome_listener link;
  std::shared_ptr<subscriber_list> subscribers;
  /// How often it is asked whether it is there, and how long it may take to say so.
  std::chrono::milliseconds ping_interval{};
  /// How much may be sent before it is answered; what is more waits here. One request is sent however large it is.
  std::size_t unanswered_bytes_max = 0;
  /// Ends the connection.
  std::function<void()> hang_up;
};

/// Why a request is not sent to a server that said `welcome` so: its role does not allow it, or the server does not
/// know it yet. Nothing where it is sent.
[[nodiscard]] std::optional<failure> obstacle(const wire::welcome& said, wire::role least, std::uint32_t since);

using session_actor = operator_actor::extend<caf::reacts_to<health_changed>, caf::reacts_to<breaker_changed>,
                                             caf::reacts_to<caf::tick_atom>>;

/// One connection's life: it asks on behalf of all actors here, so that the server knows of one, and knows what is not
/// answered when the connection is lost. CAF 0.17.6 tells nobody of a request that was lost with its node; this does.
/// It ends with the connection, or where the server speaks another version; the reason is a `failure`.
///
/// It asks only what the server lets this program ask, and what there was in the version that both speak.
session_actor spawn_session(caf::actor_system& system, session_options settings);

} // namespace millrace::network
