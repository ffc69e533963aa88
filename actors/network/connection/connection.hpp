#pragma once

#include "connection_book.hpp"
#include "transport.hpp"
#include "unsent.hpp"

#include <millrace/actors/network/guard/alias.hpp>
#include <millrace/actors/network/guard/basp_guard.hpp>
#include <millrace/actors/network/guard/refused_rows.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/io/network/native_socket.hpp>
#include <caf/io/network/rw_state.hpp>

namespace millrace::network {

/// One guarded connection: what stands between its socket and the stream that CAF reads and writes. It reads ahead, so
/// that a frame is there as a whole before CAF sees its first byte, and so that many small ones cost one system call.
///
/// Lives in the thread of CAF's multiplexer, but may be destroyed in another once that has ended.
class connection {
public:
  using time_point = basp_guard::time_point;
  using rw_state = caf::io::network::rw_state;

  struct peer {
    std::string address; ///< Without its port; counted by it.
    std::string name;    ///< For logs.
  };

  /// `admit` has made room for it in the book. The socket is the stream's. `no_room` is what queries
  /// hear whose rows there is no room for.
  connection(std::shared_ptr<connection_book> book, const guard_scope& scope, int socket, peer from,
             transport_ptr bytes, const rows_refusal& no_room);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();

  /// What goes out next; the stream's, whose part this is. `ready` is called once the transport is.
  void watch(std::vector<char>& outgoing, std::function<void()> ready) {
    outgoing_ = &outgoing;
    on_ready_ = std::move(ready);
  }
  /// Takes whole frames that CAF has written, and puts them there.
  void send(std::vector<char>& frames);

  /// Begins to shake hands.
  void start() { shake_hands(); }
  /// Whether bytes can be sent.
  bool ready() const noexcept { return ready_; }

  // The policy of a stream (`caf::io::network::stream_impl`).
  rw_state read_some(std::size_t& result, void* into, std::size_t wanted);
  rw_state write_some(std::size_t& result, const void* from, std::size_t bytes);
  bool must_read_more() const noexcept;

  void sweep(time_point now);
  bool writing() const noexcept { return blocked_since_.has_value(); }
  /// Ends it; CAF then finds a socket that is closed, and cleans up as it does for every one.
  void end();

private:
  void refuse(refusal why, std::string_view detail = {});
  bool shake_hands();
  void closed();
  void settle(time_point now);
  void receive(time_point now);
  void make_room();
  bool settle_peer();
  std::string_view unread() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }

  std::shared_ptr<connection_book> book_;
  basp_guard guard_;
  int socket_;
  peer peer_;
  std::string identity_;
  transport_ptr bytes_;

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t granted_ = 0; ///< From `begin_` on, for CAF.
  std::size_t needed_ = basp_header_bytes;

  alias alias_;
  bool introduced_ = false;
  std::size_t actors_counted_ = 0;
  std::vector<char>* outgoing_ = nullptr;
  std::shared_ptr<unsent> unsent_;
  rows_refusal no_room_;
  std::function<void()> on_ready_;
  bool ready_ = false;
  bool ended_ = false;
  time_point opened_;
  time_point last_heard_;
  std::optional<time_point> blocked_since_; ///< Since when there is something to send and nothing goes out.
};

/// What CAF's stream is made with.
class connection_policy {
public:
  explicit connection_policy(connection& one) noexcept : connection_(one) {}

  using native_socket = caf::io::network::native_socket;
  using rw_state = caf::io::network::rw_state;
  rw_state read_some(std::size_t& result, native_socket, void* into, std::size_t wanted) {
    return connection_.read_some(result, into, wanted);
  }
  rw_state write_some(std::size_t& result, native_socket, const void* from, std::size_t bytes) {
    return connection_.write_some(result, from, bytes);
  }
  bool must_read_more(native_socket, std::size_t) const noexcept { return connection_.must_read_more(); }

private:
  connection& connection_;
};

} // namespace millrace::network
