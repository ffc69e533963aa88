/// What comes over a connection, as any bytes; the first says which side hears it and in what pieces it comes. However
/// it is cut, the guard says the same of it, and what it lets through CAF can take: a handshake with a node first, and
/// after it only frames with valid headers, from that node, with contents that are on the list.

#include "fuzz.hpp"

#include <millrace/actors/network/guard/basp_guard.hpp>
#include <millrace/messages/wire/requests.hpp>
#include <millrace/tests/support/network/basp_frames.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/io/basp/header.hpp>

using namespace millrace::network;
namespace wire = millrace::wire;
using namespace millrace::test;

namespace {

constexpr std::uint64_t published = 7;
constexpr std::size_t message_bytes_max = 4096;

/// What was decided, and about how many bytes.
struct history {
  std::vector<std::pair<refusal, std::size_t>> decisions;
  std::string passed;

  friend bool operator==(const history&, const history&) = default;
};

guard_scope scope_of(guarded_side side) {
  guard_scope scope;
  scope.side = side;
  scope.own_node = as_node(a_node(1, 'H'));
  scope.published_actor = published;
  if (side == guarded_side::server) {
    scope.contents = wire::contents_from(wire::role::operations);
  } else {
    scope.contents = wire::contents_from_server();
  }
  scope.limits = {.handshake_bytes_max = 1024,
                  .message_bytes_max = message_bytes_max,
                  .down_bytes_max = 512,
                  .actors_max = 4,
                  .control_at_once = 8,
                  .control_per_second = 1};
  return scope;
}

/// Judges all of it, as it would come in pieces of `piece` bytes.
history judge(guarded_side side, std::string_view bytes, std::size_t piece) {
  basp_guard guard{scope_of(side)};
  history all;
  std::size_t begin = 0;
  for (std::size_t end = 0; end < bytes.size();) {
    end = std::min(bytes.size(), end + piece);
    while (true) {
      const auto there = bytes.substr(begin, end - begin);
      const auto decided = guard.look(there, {});
      if (decided.what == basp_guard::action::wait) {
        require(decided.bytes > there.size(), "to wait is to want more than there is");
        require(decided.bytes <= message_bytes_max + basp_header_bytes, "nothing large is waited for");
        break;
      }
      if (decided.what == basp_guard::action::refuse) {
        require(closes(decided.why), "who is refused is told why");
        all.decisions.emplace_back(decided.why, 0);
        return all;
      }
      require(decided.bytes >= basp_header_bytes && decided.bytes <= there.size(),
              "a frame is judged when it is there");
      require((decided.what == basp_guard::action::pass) == (decided.why == refusal::none), "what passes has no fault");
      if (decided.what == basp_guard::action::pass) {
        all.passed += there.substr(0, decided.bytes);
        require(guard.peer().has_value(), "nothing passes before the handshake");
      }
      all.decisions.emplace_back(decided.why, decided.bytes);
      begin += decided.bytes;
    }
  }
  require(guard.actors() <= 4, "actors are bounded");
  return all;
}

/// What CAF would make of it.
void check_passed(guarded_side side, std::string_view bytes) {
  std::string node;
  for (bool first = true; !bytes.empty(); first = false) {
    caf::io::basp::header header;
    caf::binary_deserializer source{nullptr, bytes.data(), basp_header_bytes};
    require(!source(header) && caf::io::basp::valid(header), "CAF takes the header");
    const auto payload = bytes.substr(basp_header_bytes, header.payload_len);
    require(payload.size() == header.payload_len, "frames pass whole");
    bytes.remove_prefix(basp_header_bytes + payload.size());
    const auto operation = static_cast<basp_operation>(header.operation);
    require(operation != basp_operation::routed_message, "nothing is routed");
    if (first) {
      require(operation
                == (side == guarded_side::server ? basp_operation::client_handshake : basp_operation::server_handshake),
              "the handshake comes first");
      node = payload.substr(0, sizeof(node_bytes));
    } else if (operation == basp_operation::direct_message) {
      require(side == guarded_side::client || header.dest_actor == published, "only what is published is reached");
      basp_reader in{payload};
      require(in.varint() == 0 && in.u16() == 0, "there is no forwarding stack");
      const auto contents = scope_of(side).contents;
      require(std::ranges::count(contents, in.string()) == 1, "only contents on the list pass");
    } else if (operation != basp_operation::heartbeat) {
      require(payload.starts_with(node), "only the node that shook hands speaks");
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto side = (data[0] & 1U) == 0 ? guarded_side::server : guarded_side::client;
  const auto bytes = as_text(data + 1, size - 1);
  const auto whole = judge(side, bytes, bytes.size() + 1);
  require(judge(side, bytes, 1U + data[0] / 2U) == whole, "how bytes are cut changes nothing");
  check_passed(side, whole.passed);
  return 0;
}
