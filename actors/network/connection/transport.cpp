#include "transport.hpp"

#include <cerrno>

#include <sys/socket.h>

namespace millrace::network {

namespace {

class plain_transport : public transport {
public:
  explicit plain_transport(int socket) noexcept : socket_(socket) {}

  result read(char* into, std::size_t bytes_max) override {
    const auto moved = ::recv(socket_, into, bytes_max, MSG_NOSIGNAL);
    return moved == 0 ? result{status::closed} : judge(moved);
  }

  result write(const char* from, std::size_t bytes) override {
    return judge(::send(socket_, from, bytes, MSG_NOSIGNAL));
  }

  bool has_more() const noexcept override { return false; }

private:
  static result judge(ssize_t moved) noexcept {
    if (moved >= 0) {
      return {moved > 0 ? status::done : status::wait, static_cast<std::size_t>(moved)};
    }
    return {errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? status::wait : status::closed};
  }

  int socket_;
};

} // namespace

transport_ptr make_plain_transport(int socket) {
  return std::make_unique<plain_transport>(socket);
}

} // namespace millrace::network
