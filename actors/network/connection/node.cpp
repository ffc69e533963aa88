#include "node.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/node_id.hpp>
#include <caf/send.hpp>

namespace millrace::network {

std::optional<std::string> check_middleman(const caf::actor_system& system) {
  if (system.has_middleman()) {
    return std::nullopt;
  }
  return "The actor system has no connections without CAF's middleman: say `config.load<caf::io::middleman>()` before "
         "it "
         "is made.";
}

node_bytes bytes_of(const caf::node_id& node) {
  std::vector<char> bytes;
  caf::binary_serializer sink{nullptr, bytes};
  node_bytes written{};
  if (!sink(node) && bytes.size() == written.size()) {
    std::ranges::copy(bytes, written.begin());
  }
  return written;
}

caf::node_id node_of(const node_bytes& node) {
  basp_reader in{{node.data(), node.size()}};
  in.u64();
  const auto process = in.u32();
  caf::node_id::default_data::host_id_type host;
  std::ranges::copy(in.bytes(host.size()), host.begin());
  return caf::make_node_id(process, host);
}

void forget_node(caf::actor_system& system, const caf::actor& broker, const node_bytes& node) {
  loop_of(system).dispatch([broker, id = node_of(node)] {
    auto& helpers = state_of(broker).spawn_servers;
    const auto found = helpers.find(id);
    if (found != helpers.end()) {
      caf::anon_send_exit(found->second, caf::exit_reason::kill);
      helpers.erase(found);
    }
  });
}

void drop_unsent(const caf::actor& broker) {
  // What is written to an unknown connection goes into one buffer of the broker's, whatever its handle.
  std::vector<char>{}.swap(state_of(broker).wr_buf(caf::io::connection_handle{}));
}

caf::io::basp_broker& state_of(const caf::actor& broker) {
  return *static_cast<caf::io::basp_broker*>(caf::actor_cast<caf::abstract_actor*>(broker));
}

caf::actor broker_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

caf::io::network::default_multiplexer& loop_of(caf::actor_system& system) {
  return static_cast<caf::io::network::default_multiplexer&>(system.middleman().backend());
}

} // namespace millrace::network
