#include "alias.hpp"

#include <algorithm>
#include <cstddef>

namespace millrace::network {

namespace {

/// In the place of most of a machine's hash. The number of the connection is the rest.
constexpr host_start alias_host{'a', ' ', 'c', 'o', 'n', 'n', 'e', 'c', 't', 'i', 'o', 'n'};

/// Where a payload names the node that sent it, and the one that it is for.
constexpr std::size_t sender_at = basp_header_bytes;
constexpr std::size_t receiver_at = basp_header_bytes + sizeof(node_bytes);

bool is_handshake(basp_operation one) noexcept {
  return one == basp_operation::server_handshake || one == basp_operation::client_handshake;
}

bool names_both(basp_operation one) noexcept {
  return one == basp_operation::monitor_message || one == basp_operation::down_message;
}

basp_operation operation_of(const basp_header& header) noexcept {
  return static_cast<basp_operation>(header.operation);
}

} // namespace

alias::alias(std::uint64_t number) noexcept : name_(make_node(1, alias_host, number)) {}

void alias::put_on(std::span<char> frame) const noexcept {
  const auto operation = operation_of(read_header({frame.data(), frame.size()}));
  if (is_handshake(operation) || names_both(operation)) {
    std::ranges::copy(name_, frame.subspan(sender_at).begin());
  }
}

void alias::take_off(std::span<char> frames, const node_bytes& peer) const noexcept {
  while (frames.size() >= basp_header_bytes) {
    const auto header = read_header({frames.data(), frames.size()});
    const auto bytes = std::min(frames.size(), basp_header_bytes + header.payload_bytes);
    if (names_both(operation_of(header)) && bytes >= receiver_at + sizeof(node_bytes)) {
      const auto receiver = frames.subspan(receiver_at, sizeof(node_bytes));
      if (std::ranges::equal(receiver, name_)) {
        std::ranges::copy(peer, receiver.begin());
      }
    }
    frames = frames.subspan(bytes);
  }
}

} // namespace millrace::network
