#pragma once

#include "allowance.hpp"
#include "basp_frame.hpp"
#include "refusal.hpp"

#include <millrace/actors/network/settings.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>

namespace millrace::network {

/// Which end of a connection the guard stands in front of. A server hears requests, a client hears answers.
enum class guarded_side : std::uint8_t { server, client };

/// What the guard knows of the connection before its first byte.
struct guard_scope {
  guarded_side side = guarded_side::server;
  /// This node as it names itself in handshakes.
  node_bytes own_node{};
  /// The only actor that a server's peer may speak to.
  std::uint64_t published_actor = 0;
  /// The messages that may come, as CAF lists their types, such as `@<>+millrace::query`. Not owned; outlives the
  /// guard.
  std::span<const std::string_view> contents;
  guard_limits limits;
};

/// Looks at the bytes of one connection, frame by frame, before CAF does, and says which of them CAF may see. It
/// stands in either direction: before a server and before a client.
///
/// What passes is whole and well-formed as far as CAF relies on it without checking: CAF 0.17.6 dereferences the
/// payload that a handshake does not have, allocates whatever length is announced, delivers messages without a
/// handshake and to any actor that it ever showed to somebody, casts what a link message carries to a proxy, and keeps
/// something for every node and actor that is named to it.
///
/// Plain: it knows no socket and no clock, and allocates only for the actors that it remembers.
class basp_guard {
public:
  using time_point = std::chrono::steady_clock::time_point;

  enum class action : std::uint8_t {
    wait,  ///< Nothing is decided until `bytes` bytes from the frame's beginning are there.
    pass,  ///< The first `bytes` bytes are a frame for CAF.
    drop,  ///< The first `bytes` bytes are a frame to leave out; `why` says why.
    refuse ///< The connection ends; `why` says why.
  };

  struct verdict {
    action what = action::wait;
    std::size_t bytes = 0;
    refusal why = refusal::none;
  };

  explicit basp_guard(const guard_scope& scope);

  /// Judges the frame that `bytes` begin with; they may be a part of it, or more. To be called again with the bytes
  /// after a frame that was passed or left out, and with more bytes after `wait`.
  verdict look(std::string_view bytes, time_point now);

  /// The node that shook hands, as it names itself; none before that. Others may name themselves alike, and so may this
  /// node: CAF is to know each connection's by an `alias`.
  const std::optional<node_bytes>& peer() const noexcept { return peer_; }

  /// How many actors of the peer spoke and are not known to have ended.
  std::size_t actors() const noexcept { return speakers_.size(); }

private:
  refusal check_header(time_point now);
  refusal check_handshake_header(time_point now);
  refusal check_message_header();
  refusal check_nodes_header(bool down);
  refusal check_payload(std::string_view payload, time_point now);
  refusal check_server_handshake(std::string_view payload);
  refusal check_client_handshake(std::string_view payload);
  refusal check_message(std::string_view payload);
  refusal check_monitor(std::string_view payload, time_point now);
  refusal check_down(std::string_view payload, time_point now);
  refusal check_nodes(basp_reader& in) const;
  refusal admit_speaker(std::uint64_t actor);

  guard_scope scope_;
  allowance control_;
  std::optional<node_bytes> peer_;
  std::unordered_set<std::uint64_t> speakers_;
  std::uint64_t last_speaker_ = 0;
  std::optional<basp_header> header_; ///< Of a frame whose payload is not all there.
  refusal ended_ = refusal::none;
};

/// Judges a CAF error as it travels: a code, a category and a context, which CAF lets be any message of any types. True
/// where its context is empty, a text, or a text and a number, as Millrace's own are.
bool is_plain_error(basp_reader& in) noexcept;

} // namespace millrace::network
