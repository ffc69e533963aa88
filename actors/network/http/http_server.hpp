#pragma once

#include "settings.hpp"

#include <millrace/actors/base/expected.hpp>
#include <millrace/actors/network/server/served_actors.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <caf/fwd.hpp>

namespace millrace::network::http {

/// A port at which programs in any language reach an engine, by HTTP/1.1 and JSON. It knows the engine as every client
/// does, by messages. The actor system must outlive this.
class http_server {
public:
  /// The error is a sentence.
  [[nodiscard]] static expected<http_server, std::string> open(caf::actor_system& system, http_settings settings,
                                                               served_actors served);

  http_server(http_server&&) noexcept;
  http_server& operator=(http_server&&) noexcept;
  /// Gives up what is not answered.
  ~http_server();

  std::uint16_t port() const noexcept;
  std::size_t connections() const;
  /// Of requests that have come in part, or wait to be asked.
  std::size_t body_bytes() const noexcept;

  /// Reads the file of tokens again. Where that fails what was there stays, and it gives a sentence.
  [[nodiscard]] std::optional<std::string> reload_tokens();

  /// Takes in nobody any more. Who is connected stays so.
  void stop_accepting();
  /// Waits until what was asked is answered, at most as long as `patience` says, and ends all connections.
  void close(std::chrono::milliseconds patience);

private:
  class impl;
  explicit http_server(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace millrace::network::http
