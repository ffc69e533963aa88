#pragma once

#include "served_actors.hpp"

#include <millrace/actors/base/expected.hpp>
#include <millrace/actors/network/guard/refusal.hpp>
#include <millrace/actors/network/settings.hpp>
#include <millrace/messages/wire/role.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <caf/fwd.hpp>

namespace millrace::network {

struct listen_settings {
  endpoint at{};
  /// Of everybody who connects there.
  wire::role admits = wire::role::read_write;
  connection_limits limits{};
  /// Required where other machines can reach the address.
  tls_settings tls{};
  /// How long a query, or a page, may take, whatever deadline it has itself; 0 for as long as that says.
  std::chrono::milliseconds query_time_max{30'000};
};

/// A port at which an engine can be reached by CAF nodes elsewhere, behind the guard. The actor system must have loaded
/// CAF's middleman and outlive this.
class listener {
public:
  /// Listeners of one actor system share a book, which `beside` has: limits are those of all together. The error
  /// is a sentence.
  [[nodiscard]] static expected<listener, std::string> open(caf::actor_system& system, listen_settings settings,
                                                            served_actors served, const listener* beside = nullptr);

  listener(listener&&) noexcept;
  listener& operator=(listener&&) noexcept;
  ~listener();

  std::uint16_t port() const noexcept;
  /// Connections that are open now, and those that came to be since the port was opened. These, and what was refused,
  /// are of all listeners that share a book.
  std::size_t connections() const;
  std::uint64_t accepted() const noexcept;
  const refusal_counts& refused() const noexcept;

  /// Takes in nobody any more. Who is connected stays so.
  void stop_accepting();
  /// Waits until all answers that were given are sent, at most as long as `patience` says, and ends all connections.
  void close(std::chrono::milliseconds patience);

private:
  class impl;
  explicit listener(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace millrace::network
