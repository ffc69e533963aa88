#include "basp_guard.hpp"

#include <algorithm>

namespace millrace::network {

namespace {

constexpr std::size_t nodes_bytes = 2 * sizeof(node_bytes);
/// No forwarding stack, a type number of two bytes, and the types of a message without content.
constexpr std::size_t message_bytes_min = 1 + 2 + 1 + 3;
constexpr std::string_view error_content = "@<>+@error";

constexpr std::uint64_t response_bit = 1ULL << 63U;
constexpr std::uint64_t answered_bit = 1ULL << 62U;
constexpr std::uint64_t stream_bit = 1ULL << 61U;
constexpr std::uint64_t request_number = (1ULL << 60U) - 1;

} // namespace

bool is_plain_error(basp_reader& in) noexcept {
  in.byte();
  in.u64();
  const auto context = in.content();
  if (context == "@<>+@str" || context == "@<>+@str+@i64") {
    in.string();
    if (context.ends_with("@i64")) {
      in.u64();
    }
  } else if (context != "@<>") {
    return false;
  }
  return in.done();
}

basp_guard::basp_guard(const guard_scope& scope)
  : scope_(scope), control_(scope.limits.control_at_once, scope.limits.control_per_second) {}

basp_guard::verdict basp_guard::look(std::string_view bytes, time_point now) {
  if (ended_ != refusal::none) {
    return {action::refuse, 0, ended_};
  }
  if (!header_) {
    if (bytes.size() < basp_header_bytes) {
      return {action::wait, basp_header_bytes};
    }
    header_ = read_header(bytes);
    // Before the payload is waited for: what will be refused anyway needs no room.
    ended_ = check_header(now);
    if (ended_ != refusal::none) {
      return {action::refuse, 0, ended_};
    }
  }
  const auto frame_bytes = basp_header_bytes + header_->payload_bytes;
  if (bytes.size() < frame_bytes) {
    return {action::wait, frame_bytes};
  }
  auto why = check_payload(bytes.substr(basp_header_bytes, header_->payload_bytes), now);
  if (why != refusal::none && !closes(why) && !control_.take(now)) {
    why = refusal::too_many_control_frames;
  }
  header_.reset();
  if (why == refusal::none) {
    return {action::pass, frame_bytes};
  }
  if (!closes(why)) {
    return {action::drop, frame_bytes, why};
  }
  ended_ = why;
  return {action::refuse, 0, why};
}

refusal basp_guard::check_header(time_point now) {
  const auto& header = *header_;
  if (header.operation > static_cast<std::uint8_t>(basp_operation::heartbeat)) {
    return refusal::unknown_operation;
  }
  if (header.padding != 0) {
    return refusal::malformed_header;
  }
  const auto operation = static_cast<basp_operation>(header.operation);
  if (operation == basp_operation::server_handshake || operation == basp_operation::client_handshake) {
    return check_handshake_header(now);
  }
  if (!peer_) {
    return refusal::no_handshake;
  }
  switch (operation) {
    case basp_operation::direct_message:
    case basp_operation::routed_message:
      return check_message_header();
    case basp_operation::monitor_message:
      return check_nodes_header(false);
    case basp_operation::down_message:
      return check_nodes_header(true);
    case basp_operation::heartbeat:
      if (header != basp_header{.operation = header.operation}) {
        return refusal::malformed_header;
      }
      return control_.take(now) ? refusal::none : refusal::too_many_control_frames;
    default:
      return refusal::unknown_operation;
  }
}

refusal basp_guard::check_handshake_header(time_point now) {
  const auto& header = *header_;
  const bool from_server = header.operation == static_cast<std::uint8_t>(basp_operation::server_handshake);
  // A client repeats its handshake to choose between connections; a server shakes hands once.
  if (from_server != (scope_.side == guarded_side::client) || (from_server && peer_)) {
    return refusal::second_handshake;
  }
  if (header.source_actor != 0 || header.dest_actor != 0) {
    return refusal::malformed_header;
  }
  if (from_server) {
    if (header.flags != 0) {
      return refusal::malformed_header;
    }
    if (header.operation_data != basp_version) {
      return refusal::wrong_version;
    }
    if (header.payload_bytes > scope_.limits.handshake_bytes_max) {
      return refusal::frame_too_large;
    }
    return header.payload_bytes < sizeof(node_bytes) ? refusal::malformed_payload : refusal::none;
  }
  if ((header.flags & ~basp_select_connection) != 0 || header.operation_data != 0) {
    return refusal::malformed_header;
  }
  if (header.payload_bytes > sizeof(node_bytes)) {
    return refusal::frame_too_large;
  }
  if (header.payload_bytes < sizeof(node_bytes)) {
    return refusal::malformed_payload;
  }
  return control_.take(now) ? refusal::none : refusal::too_many_control_frames;
}

refusal basp_guard::check_message_header() {
  const auto& header = *header_;
  if ((header.flags & ~basp_named_receiver) != 0 || header.dest_actor == 0) {
    return refusal::malformed_header;
  }
  if (header.payload_bytes > scope_.limits.message_bytes_max) {
    return refusal::frame_too_large;
  }
  return header.payload_bytes < message_bytes_min ? refusal::malformed_payload : refusal::none;
}

refusal basp_guard::check_nodes_header(bool down) {
  const auto& header = *header_;
  if (header.flags != 0 || header.operation_data != 0 || (header.source_actor != 0) != down
      || (header.dest_actor != 0) == down) {
    return refusal::malformed_header;
  }
  if (header.payload_bytes > (down ? scope_.limits.down_bytes_max : nodes_bytes)) {
    return refusal::frame_too_large;
  }
  return header.payload_bytes < nodes_bytes ? refusal::malformed_payload : refusal::none;
}

refusal basp_guard::check_payload(std::string_view payload, time_point now) {
  switch (static_cast<basp_operation>(header_->operation)) {
    case basp_operation::server_handshake:
      return check_server_handshake(payload);
    case basp_operation::client_handshake:
      return check_client_handshake(payload);
    case basp_operation::direct_message:
      return check_message(payload);
    case basp_operation::monitor_message:
      return check_monitor(payload, now);
    case basp_operation::down_message:
      return check_down(payload, now);
    case basp_operation::routed_message:
      // Links, too, travel as messages from one node to itself by way of another.
      return refusal::routed_message;
    default:
      return refusal::none;
  }
}

refusal basp_guard::check_server_handshake(std::string_view payload) {
  basp_reader in{payload};
  node_bytes node;
  in.node(node);
  const auto skip_strings = [&in] {
    for (auto left = in.varint(); left > 0 && in.ok(); --left) {
      in.string();
    }
  };
  skip_strings(); // Names of applications, which CAF compares.
  in.u64();       // The published actor; 0 where there is none.
  skip_strings(); // Its interface.
  if (!in.done()) {
    return refusal::malformed_payload;
  }
  peer_ = node;
  return refusal::none;
}

refusal basp_guard::check_client_handshake(std::string_view payload) {
  basp_reader in{payload};
  node_bytes node;
  if (!in.node(node)) {
    return refusal::malformed_payload;
  }
  if (peer_ && *peer_ != node) {
    return refusal::foreign_node;
  }
  peer_ = node;
  return refusal::none;
}

refusal basp_guard::check_message(std::string_view payload) {
  basp_reader in{payload};
  // Its actors may be of any node, and CAF would begin to talk to each.
  const bool has_stack = in.varint() != 0;
  const auto content = has_stack ? std::string_view{} : in.content();
  if (!in.ok()) {
    return refusal::malformed_payload;
  }
  const auto& header = *header_;
  // Nodes that have just met ask each other's services; nobody needs the answer.
  if ((header.flags & basp_named_receiver) != 0) {
    return refusal::named_receiver;
  }
  const bool for_server = scope_.side == guarded_side::server;
  if (for_server && header.dest_actor != scope_.published_actor) {
    return refusal::unpublished_receiver;
  }
  if (std::ranges::find(scope_.contents, content) == scope_.contents.end()) {
    return refusal::content_not_permitted;
  }
  const auto number = header.operation_data;
  const bool is_response = (number & response_bit) != 0;
  const bool is_request = !is_response && (number & request_number) != 0;
  // A response that is taken for a request would use up room that nobody gives back.
  if ((number & (answered_bit | stream_bit)) != 0 || (for_server ? is_response : is_request)) {
    return refusal::content_not_permitted;
  }
  if (content == error_content && !is_plain_error(in)) {
    return refusal::content_not_permitted;
  }
  return admit_speaker(header.source_actor);
}

refusal basp_guard::check_monitor(std::string_view payload, time_point now) {
  basp_reader in{payload};
  if (const auto why = check_nodes(in); why != refusal::none) {
    return why;
  }
  if (!in.done()) {
    return refusal::malformed_payload;
  }
  // A client is told of the end of many actors that asked, one frame each; a server publishes one.
  if (scope_.side == guarded_side::client) {
    return refusal::none;
  }
  if (header_->dest_actor != scope_.published_actor) {
    return refusal::unpublished_receiver;
  }
  return control_.take(now) ? refusal::none : refusal::too_many_control_frames;
}

refusal basp_guard::check_down(std::string_view payload, time_point now) {
  basp_reader in{payload};
  if (const auto why = check_nodes(in); why != refusal::none) {
    return why;
  }
  if (!is_plain_error(in)) {
    return in.ok() ? refusal::content_not_permitted : refusal::malformed_payload;
  }
  if (last_speaker_ == header_->source_actor) {
    last_speaker_ = 0;
  }
  if (speakers_.erase(header_->source_actor) > 0) {
    return refusal::none;
  }
  return control_.take(now) ? refusal::none : refusal::too_many_control_frames;
}

refusal basp_guard::check_nodes(basp_reader& in) const {
  node_bytes from;
  node_bytes to;
  if (!in.node(from) || !in.node(to)) {
    return refusal::malformed_payload;
  }
  return from == *peer_ && to == scope_.own_node ? refusal::none : refusal::foreign_node;
}

refusal basp_guard::admit_speaker(std::uint64_t actor) {
  if (actor == last_speaker_ || actor == 0) {
    return refusal::none;
  }
  if (speakers_.size() >= scope_.limits.actors_max && !speakers_.contains(actor)) {
    return refusal::too_many_actors;
  }
  speakers_.insert(actor);
  last_speaker_ = actor;
  return refusal::none;
}

} // namespace millrace::network
