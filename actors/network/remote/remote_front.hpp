#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <mutex>
#include <optional>
#include <set>
#include <string>

#include <caf/actor_control_block.hpp>
#include <caf/monitorable_actor.hpp>

namespace millrace::network {

/// The front of an engine elsewhere, as this program sees it: one stable address, whatever becomes of connections. It
/// passes requests to the session that there is, in the sender's thread, and answers `unavailable` where there is none.
/// Nothing that is sent to it can end it.
class remote_front : public caf::monitorable_actor {
public:
  explicit remote_front(caf::actor_config& config) : caf::monitorable_actor(config) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override;
  const char* name() const override { return "remote_front"; }
  std::set<std::string> message_types() const override;

  /// `granted` is what the server lets this program do.
  void connected(caf::strong_actor_ptr session, wire::role granted);
  /// `obstacle` is what requests are answered with meanwhile.
  void disconnected(failure obstacle);
  /// The role that the server granted; nothing while there is no connection.
  std::optional<wire::role> granted() const;
  /// What `disconnected` was told last; nothing while there is a connection, or before.
  std::optional<failure> obstacle() const;

private:
  mutable std::mutex mutex_;
  caf::strong_actor_ptr session_;
  wire::role granted_ = wire::role::read;
  std::optional<failure> obstacle_; ///< Nothing until the first attempt to connect has ended.
};

/// The actor, and the same as what it is.
struct spawned_remote_front {
  operator_actor handle;
  remote_front* state; ///< Lives as long as the handle.
};

spawned_remote_front spawn_remote_front(caf::actor_system& system);

} // namespace millrace::network
