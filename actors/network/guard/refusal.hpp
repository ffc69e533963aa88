#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::network {

/// Why the guard closed a connection, or left one frame of it out. Append-only: names are labels of counters and stand
/// in logs.
enum class refusal : std::uint8_t {
  none,
  // A form that no CAF node sends.
  unknown_operation,
  malformed_header,
  malformed_payload,
  frame_too_large,
  wrong_version,
  // The order of things.
  no_handshake,
  second_handshake,
  foreign_node,
  own_node,
  // Quantity.
  too_many_control_frames,
  too_many_actors,
  // One frame is left out and the connection stays: stock CAF nodes send such things without meaning harm.
  routed_message,
  named_receiver,
  unpublished_receiver,
  content_not_permitted,
  // The connection as a whole.
  node_taken,
  too_many_connections,
  too_many_from_address,
  handshake_timeout,
  idle_timeout,
  peer_does_not_read,
  // TLS.
  tls_failed,
  certificate_refused,
  certificate_not_pinned,
  // The messages: the connection stays, and each request over it is answered with an error.
  wire_version,
  // Quantity: the connection stays, and a query is answered with an error.
  rows_unread,
};

inline constexpr std::size_t refusals = static_cast<std::size_t>(refusal::rows_unread) + 1;

/// A word for counters, such as `frame_too_large`.
std::string_view name_of(refusal why) noexcept;

/// A sentence for people.
std::string_view sentence_of(refusal why) noexcept;

/// Whether the connection ends; otherwise one frame was left out, or answered with an error.
bool closes(refusal why) noexcept;

/// How often each of them happened. Any thread.
class refusal_counts {
public:
  void add(refusal why) noexcept { counts_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t operator[](refusal why) const noexcept {
    return counts_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
  }

private:
  std::array<std::atomic<std::uint64_t>, refusals> counts_{};
};

} // namespace millrace::network
