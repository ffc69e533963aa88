#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// What a program says of its connections, at either end of them.
namespace millrace::network {

/// A host, as a name or a number, and a port. An IPv6 number stands in brackets before its port: `[::1]:7400`.
struct endpoint {
  std::string address{};
  std::uint16_t port = 0;
};

/// What a node shows of itself and whom it believes. All files are PEM.
struct tls_settings {
  std::filesystem::path certificate{}; ///< Its own, and those between it and the authority.
  std::filesystem::path key{};         ///< The certificate's, without a pass phrase.
  std::filesystem::path ca{};          ///< The authorities whose certificates are believed.
  /// SHA-256 fingerprints in hexadecimal; where there are some, no other certificate is believed.
  std::vector<std::string> pins{};

  /// Whether nothing is set.
  bool empty() const noexcept { return certificate.empty() && key.empty() && ca.empty() && pins.empty(); }
};

/// What the guard lets through of one connection.
struct guard_limits {
  std::size_t handshake_bytes_max = 16 * 1024;
  /// 0 for what the largest message that Millrace allows takes.
  std::size_t message_bytes_max = 0;
  std::size_t down_bytes_max = 64 * 1024;
  /// Actors of the peer that may be known at once. CAF keeps a proxy of some 400 bytes for each.
  std::size_t actors_max = 10'000;
  /// Frames that carry nothing for an actor of ours: heartbeats, repeated handshakes, all that is left out.
  double control_at_once = 2'000;
  double control_per_second = 500;
};

/// What all connections of a listener, or of a client, have to keep to.
struct connection_limits {
  guard_limits frames{};
  /// From the first byte on the socket to the end of the handshake, TLS's included.
  std::chrono::milliseconds handshake_timeout{10'000};
  /// How long nothing may come; 0 for ever.
  std::chrono::milliseconds idle_timeout{3'600'000};
  /// How long a peer may leave unread all that it is sent.
  std::chrono::milliseconds unread_timeout{30'000};
  /// How much of what it is sent may wait to be read. A query whose rows would be more is answered `overloaded`, unless
  /// little waits; one connection that has twice that to read all the same is ended. A client sends no more than half
  /// of it before it is answered.
  std::size_t unread_bytes_max = 96 * 1024 * 1024;
  /// The same of all peers together; rows for one that has little to read are sent beyond that, so that nobody takes
  /// the room of all others.
  std::size_t unread_bytes_total_max = 256 * 1024 * 1024;
  std::size_t unread_bytes_always = 1024 * 1024;
  std::size_t connections_max = 1'000;
  std::size_t connections_per_address_max = 256;
  /// Of all peers together; one that has few is let in beyond that, so that nobody takes the place of all others.
  std::size_t actors_max = 50'000;
  std::size_t actors_always = 100;
};

/// What a client keeps to unless it says otherwise: few connections, and none ends because nothing comes over it.
inline connection_limits limits_of_client() {
  connection_limits limits;
  limits.idle_timeout = std::chrono::milliseconds{0};
  limits.connections_max = 4;
  return limits;
}

} // namespace millrace::network
