#pragma once

#include <millrace/actors/network/settings.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

/// Addresses and sockets, as far as the network needs them beside what CAF does. IPv4 and IPv6.
namespace millrace::network {

/// The error is a sentence.
[[nodiscard]] tl::expected<endpoint, std::string> parse_endpoint(std::string_view text);
std::string to_string(const endpoint& given);

/// Whether it is a numeric address, and no name that has to be looked up.
bool is_numeric(std::string_view address);

/// Whether a numeric address never leaves this machine.
bool is_loopback(std::string_view address);

/// A listening socket at a numeric address; port 0 takes any free one. The error is a sentence. The caller owns the
/// socket.
[[nodiscard]] tl::expected<int, std::string> listen_at(const endpoint& where);

/// A socket that is connected to a host, by name or number. Blocks, for as long as `patience` for each of its addresses
/// and for as long as the system takes to look up a name; no longer than a moment once `given_up` is set, from any
/// thread. The error is a sentence. The caller owns the socket.
[[nodiscard]] tl::expected<int, std::string> connect_to(const endpoint& where, std::chrono::milliseconds patience,
                                                        const std::atomic<bool>& given_up);

/// Where the other end of a connected socket is; nothing where it is gone.
std::optional<endpoint> remote_endpoint(int socket);
/// The port that a socket is bound to; 0 where it is none.
std::uint16_t local_port(int socket);

/// Lets the system find out within minutes that the other end is gone without a word.
void watch_for_dead_peers(int socket);

} // namespace millrace::network
