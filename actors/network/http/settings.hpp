#pragma once

#include <millrace/actors/network/settings.hpp>
#include <millrace/messages/wire/role.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>

namespace millrace::network::http {

/// What all connections together have to keep to. Connections and what waits to be read by programs are bounded by
/// `connection_limits`, as on the other ports.
struct http_limits {
  std::size_t headers_bytes_max = 32 * 1024;
  /// Texts and values within it keep to the limits of `messages/`; JSON may write each of their bytes as two and more.
  std::size_t body_bytes_max = 36 * 1024 * 1024;
  /// Bodies of all connections that have come in part or are not answered. One that is small is let in beyond that.
  std::size_t bodies_bytes_total_max = 256 * 1024 * 1024;
  std::size_t body_bytes_always = 64 * 1024;
  /// How long a request may take to come, from its first line on.
  std::chrono::milliseconds request_time_max{60'000};
  /// How long a connection may stay without one; no longer than `connection_limits::unread_timeout`.
  std::chrono::milliseconds idle_timeout{30'000};
};

struct http_settings {
  endpoint at{};
  /// A file of tokens (`token_book`). Without one, whoever reaches the address has the role `without_token`.
  std::filesystem::path tokens{};
  wire::role without_token = wire::role::read_write;
  /// Certificate and key; the authority and the pins are not looked at, since tokens say who somebody is. Required
  /// where other machines can reach the address.
  tls_settings tls{};
  connection_limits connections{};
  http_limits limits{};
  /// How long a query of those who are no operators may take, whatever it says; 0 for as long as it says.
  std::chrono::milliseconds query_time_max{30'000};
  unsigned threads = 2;
};

} // namespace millrace::network::http
