#include "node.hpp"

#include <algorithm>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/io/middleman.hpp>

namespace millrace::network {

node_bytes own_node_of(caf::actor_system& system) {
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  node_bytes node{};
  if (!sink(system.node()) && bytes.size() == node.size()) {
    std::ranges::copy(bytes, node.begin());
  }
  return node;
}

caf::io::network::default_multiplexer& loop_of(caf::actor_system& system) {
  return static_cast<caf::io::network::default_multiplexer&>(system.middleman().backend());
}

} // namespace millrace::network
