#pragma once

#include "basp_frames.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::test {

/// Somebody who connects on loopback and sends what CAF never would.
class raw_peer {
public:
  /// `from` is an address of loopback, of which there are many.
  explicit raw_peer(std::uint16_t port, const char* from = "127.0.0.1")
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &own.sin_addr);
    ::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      ::close(socket_);
      throw std::runtime_error{"nobody listens"};
    }
  }
  /// Who connects at a socket that listens, and is told what no server says.
  static raw_peer accepted_at(int listening) { return raw_peer{::accept(listening, nullptr, nullptr), nullptr}; }
  raw_peer(raw_peer&& other) noexcept : socket_(std::exchange(other.socket_, -1)), read_(std::move(other.read_)) {}
  raw_peer& operator=(raw_peer&& other) noexcept {
    std::swap(socket_, other.socket_);
    read_ = std::move(other.read_);
    return *this;
  }
  ~raw_peer() {
    if (socket_ >= 0) {
      ::close(socket_);
    }
  }

  int socket() const noexcept { return socket_; }

  /// Ends without a word, so that the port is free again at once.
  void end_abruptly() {
    const linger none{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }

  /// False where the other end does not take it any more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Reads one frame; nothing where none comes.
  std::string frame() {
    if (!fill(network::basp_header_bytes)) {
      return {};
    }
    const auto bytes = network::basp_header_bytes + network::read_header(read_).payload_bytes;
    if (!fill(bytes)) {
      return {};
    }
    return take(bytes);
  }

  /// Reads up to and with what ends it, or exactly so many bytes; nothing where that does not come.
  std::string until(std::string_view end) {
    auto found = read_.find(end);
    while (found == std::string::npos && receive()) {
      found = read_.find(end);
    }
    return found == std::string::npos ? std::string{} : take(found + end.size());
  }
  std::string exactly(std::size_t bytes) { return fill(bytes) ? take(bytes) : std::string{}; }

  /// Waits until the other end has closed, or for long. Whether it has.
  bool closed() {
    while (receive()) {}
    return closed_;
  }

private:
  static constexpr std::chrono::milliseconds patience{20'000};

  raw_peer(int connected, std::nullptr_t) : socket_(connected) {}

  std::string take(std::size_t bytes) {
    auto taken = read_.substr(0, bytes);
    read_.erase(0, bytes);
    return taken;
  }

  bool fill(std::size_t bytes) {
    while (read_.size() < bytes && receive()) {}
    return read_.size() >= bytes;
  }

  /// False where nothing comes any more.
  bool receive() {
    pollfd waiting{socket_, POLLIN, 0};
    if (closed_ || ::poll(&waiting, 1, static_cast<int>(patience.count())) != 1) {
      return false;
    }
    char part[4096];
    const auto got = ::recv(socket_, part, sizeof part, 0);
    closed_ = got <= 0;
    read_.append(part, got > 0 ? static_cast<std::size_t>(got) : 0);
    return !closed_;
  }

  int socket_;
  std::string read_;
  bool closed_ = false;
};

/// A raw peer that has shaken hands, and what the server told it.
struct greeted_peer : raw_peer {
  explicit greeted_peer(std::uint16_t port, std::string node = a_node(77, 'R'), const char* from = "127.0.0.1")
    : raw_peer(port, from), own_node(std::move(node)) {
    const auto greeting = frame();
    network::basp_reader in{std::string_view{greeting}.substr(std::min(greeting.size(), network::basp_header_bytes))};
    server_node = in.bytes(sizeof(network::node_bytes));
    for (auto left = in.varint(); left > 0 && in.ok(); --left) {
      in.string();
    }
    published = in.u64();
    send(client_handshake(own_node));
  }

  std::string own_node;
  std::string server_node;
  std::uint64_t published = 0;
};

} // namespace millrace::test
