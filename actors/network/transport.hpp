#pragma once

#include <cstddef>
#include <memory>

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
  virtual result read(char* into, std::size_t bytes_max) = 0;
  virtual result write(const char* from, std::size_t bytes) = 0;
  /// Whether bytes can be read that the socket itself does not have any more.
  virtual bool has_more() const noexcept = 0;
};

using transport_ptr = std::unique_ptr<transport>;

/// Bytes as they are. The socket is not owned.
transport_ptr make_plain_transport(int socket);

} // namespace millrace::network
