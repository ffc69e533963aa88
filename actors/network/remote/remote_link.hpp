#pragma once

#include "remote_engine.hpp"
#include "remote_front.hpp"

#include <millrace/actors/network/connection/connection_book.hpp>
#include <millrace/actors/network/connection/tls.hpp>
#include <millrace/actors/network/settings.hpp>

#include <atomic>
#include <memory>

#include <caf/actor.hpp>

namespace millrace::network {

struct link_options {
  remote_settings settings;
  endpoint server;
  std::shared_ptr<const tls_context> tls; ///< Null without.
  std::shared_ptr<connection_book> book;
  spawned_remote_front front;
  /// Set when the link is about to be ended: it waits for no connection any more.
  std::shared_ptr<std::atomic<bool>> ending = std::make_shared<std::atomic<bool>>(false);
};

/// The actor that makes connections: one at a time, the next with growing delays after the one before is lost. It has a
/// thread of its own, because looking up names blocks.
caf::actor spawn_remote_link(caf::actor_system& system, link_options settings);

} // namespace millrace::network
