#pragma once

#include <millrace/actors/network/guard/refusal.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace millrace::network {

/// How bytes get through a connected socket: as they are, or encrypted. Never blocks.
class transport {
public:
  enum class status : unsigned char {
    done,  ///< `bytes` bytes were moved, at least one.
    wait,  ///< Nothing can be moved now.
    closed ///< The peer is gone, or is none to speak to.
  };

  struct result {
    status what = status::wait;
    std::size_t bytes = 0;
  };

  virtual ~transport() = default;
  /// What comes before any byte can be moved. `wait`: to be called again when there is something to read.
  virtual status shake_hands() { return status::done; }
  /// Why it is closed, where the transport has a reason of its own, and what is known of it beyond that.
  virtual refusal why_closed() const { return refusal::none; }
  virtual std::string detail() const { return {}; }
  /// Who is at the other end; empty where the transport cannot tell.
  virtual std::string identity() const { return {}; }

  virtual result read(char* into, std::size_t bytes_max) = 0;
  virtual result write(const char* from, std::size_t bytes) = 0;
  /// Whether bytes can be read that the socket itself does not have any more.
  virtual bool has_more() const noexcept = 0;
};

using transport_ptr = std::unique_ptr<transport>;

/// Bytes as they are. The socket is not owned.
transport_ptr make_plain_transport(int socket);

} // namespace millrace::network
