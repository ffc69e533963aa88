#pragma once

#include "basp_frame.hpp"

#include <cstdint>
#include <span>

namespace millrace::network {

/// By which CAF knows the peer of one connection, whatever node that says it is. CAF 0.17.6 makes a node's name of the
/// machine's hardware addresses and the process id, which programs in containers share, and delivers what is for a node
/// over whichever connection came last; so who is meant is the connection. The peer hears its own name in return.
class alias {
public:
  /// Of the connection with this number, which no other one of this process has.
  explicit alias(std::uint64_t number) noexcept;

  const node_bytes& name() const noexcept { return name_; }

  /// Puts it in the place of the node that sent a whole frame, which the guard has passed.
  void put_on(std::span<char> frame) const noexcept;
  /// Puts `peer` in its place in whole frames, one after the other, that are for the peer.
  void take_off(std::span<char> frames, const node_bytes& peer) const noexcept;

private:
  node_bytes name_;
};

} // namespace millrace::network
