#pragma once

#include <millrace/messages/wire/registry.hpp>

#include <memory>

#include <caf/actor_system.hpp>

namespace millrace {

namespace detail {
class tenancy;

/// A configuration that outlives the actor system beside it.
struct configured {
  system_config own_config{};
};
} // namespace detail

/// An actor system that may be destroyed too early. What of Millrace's uses it still (an engine, a client, a courier, a
/// connection) is ended first, newest first, and named in the log as an error of the program's; CAF's own actor system
/// waits for it for ever, without a word. What was ended so may be destroyed, and answers nothing but errors.
class actor_system : private detail::configured, public caf::actor_system {
public:
  /// With a `system_config` of its own.
  actor_system();
  /// `config` must outlive it.
  explicit actor_system(system_config& config);
  actor_system(const actor_system&) = delete;
  actor_system& operator=(const actor_system&) = delete;
  ~actor_system() override;

private:
  friend class tenant;

  std::shared_ptr<detail::tenancy> tenants_;
};

} // namespace millrace
