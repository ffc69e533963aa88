#pragma once

#include <millrace/actors/base/expected.hpp>
#include <millrace/actors/network/guard/refusal.hpp>
#include <millrace/actors/network/settings.hpp>
#include <millrace/messages/error.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <caf/fwd.hpp>

namespace millrace::network {

struct remote_settings {
  /// `millrace://host:port`, or `millraces://host:port` with TLS.
  std::string url{};
  /// For `millraces`: certificate, key and authority are all required.
  tls_settings tls{};
  std::chrono::milliseconds connect_timeout{5'000};
  /// After a connection is lost, or none came to be: at first and at most so long until the next attempt.
  std::chrono::milliseconds reconnect_first{50};
  std::chrono::milliseconds reconnect_cap{5'000};
  /// How often the server is asked whether it is there. One that does not say so for as long is disconnected.
  std::chrono::milliseconds ping_interval{15'000};
  connection_limits limits = limits_of_client();
};

/// An engine elsewhere, by one stable address: what is sent to its front goes over a connection that is made anew
/// whenever it is lost. While there is none, requests are answered `unavailable`; those that were under way when it was
/// lost, `outcome_unknown`. `millrace::client` and `millrace::courier`, given the front, name and resend, so their
/// callers notice a restart of the server as a delay. The server is heard through the same guard as clients are by a
/// server. Each has a connection of its own, also where several lead to one server. The actor system must have loaded
/// CAF's middleman and outlive this.
class remote_engine {
public:
  remote_engine(remote_engine&&) noexcept;
  remote_engine& operator=(remote_engine&&) noexcept;
  ~remote_engine();

  const engine_actor& front() const noexcept;
  /// What operators may do. Answered `wrong_role`, as is anything else that the server does not let this program do.
  const operations_actor& operations() const noexcept;
  /// Whether there is a connection now.
  bool connected() const;
  /// What the server lets this program do; nothing while there is no connection.
  std::optional<wire::role> granted() const;
  /// Why there is none, which requests are answered with, too; nothing where there is one, or before the first attempt
  /// has ended. Attempts go on whatever it is.
  std::optional<failure> obstacle() const;
  const refusal_counts& refused() const noexcept;

private:
  friend expected<remote_engine, std::string> connect(caf::actor_system& system, remote_settings settings);
  class impl;
  explicit remote_engine(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

/// Begins to connect, and does not wait for it. The error, a sentence, is about the settings: a URL that is none, files
/// that cannot be read, an actor system without CAF's middleman.
[[nodiscard]] expected<remote_engine, std::string> connect(caf::actor_system& system, remote_settings settings);

} // namespace millrace::network
