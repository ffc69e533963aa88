#include "refusal.hpp"

namespace millrace::network {

namespace {

struct entry {
  refusal why;
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<entry, refusals> table{{
  {refusal::none, "none", "Nothing was refused."},
  {refusal::unknown_operation, "unknown_operation",
   "A frame names an operation that BASP does not have; perhaps the peer speaks TLS, or is no CAF program."},
  {refusal::malformed_header, "malformed_header", "A frame's header has values that its operation does not allow."},
  {refusal::malformed_payload, "malformed_payload", "A frame's payload is not what its operation requires."},
  {refusal::frame_too_large, "frame_too_large", "A frame announces more bytes than are allowed."},
  {refusal::wrong_version, "wrong_version", "The peer speaks another version of BASP; both must use CAF 0.17."},
  {refusal::no_handshake, "no_handshake", "A frame came before the handshake."},
  {refusal::second_handshake, "second_handshake", "A handshake came where none may come."},
  {refusal::foreign_node, "foreign_node", "A frame speaks for another node than the one that shook hands."},
  {refusal::own_node, "own_node", "The peer says that it is this node; not refused any more."},
  {refusal::too_many_control_frames, "too_many_control_frames", "Frames that carry no request come too fast."},
  {refusal::too_many_actors, "too_many_actors", "More actors speak over the connection than are allowed."},
  {refusal::routed_message, "routed_message", "A message for or from a third node was left out, or a link."},
  {refusal::named_receiver, "named_receiver", "A message to a service of the node was left out."},
  {refusal::unpublished_receiver, "unpublished_receiver", "A message to an actor that is not published was left out."},
  {refusal::content_not_permitted, "content_not_permitted",
   "A message that is no request was left out, such as an exit or a link."},
  {refusal::node_taken, "node_taken", "Somebody else is connected as that node; not refused any more."},
  {refusal::too_many_connections, "too_many_connections", "There are as many connections as are allowed."},
  {refusal::too_many_from_address, "too_many_from_address",
   "There are as many connections from this address as are allowed."},
  {refusal::handshake_timeout, "handshake_timeout", "The peer did not shake hands in time."},
  {refusal::idle_timeout, "idle_timeout", "Nothing came over the connection for too long."},
  {refusal::peer_does_not_read, "peer_does_not_read", "The peer does not read what it is sent."},
  {refusal::tls_failed, "tls_failed", "TLS could not be agreed on with the peer."},
  {refusal::certificate_refused, "certificate_refused", "The peer's certificate is not one to trust."},
  {refusal::certificate_not_pinned, "certificate_not_pinned", "The peer's certificate is not among those allowed."},
  {refusal::wire_version, "wire_version", "The peer speaks no version of the messages that is spoken here."},
  {refusal::rows_unread, "rows_unread", "Rows were not sent, since too much is unread already."},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].why) != i) {
      return false;
    }
  }
  return true;
}
static_assert(in_order(), "the table has one entry per refusal, in their order");

} // namespace

std::string_view name_of(refusal why) noexcept {
  return table[static_cast<std::size_t>(why)].name;
}

std::string_view sentence_of(refusal why) noexcept {
  return table[static_cast<std::size_t>(why)].sentence;
}

bool closes(refusal why) noexcept {
  switch (why) {
    case refusal::none:
    case refusal::routed_message:
    case refusal::named_receiver:
    case refusal::unpublished_receiver:
    case refusal::content_not_permitted:
    case refusal::wire_version:
    case refusal::rows_unread:
      return false;
    default:
      return true;
  }
}

} // namespace millrace::network
