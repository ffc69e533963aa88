#include "address.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::network {

namespace {

struct list_deleter {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using address_list = std::unique_ptr<addrinfo, list_deleter>;

tl::expected<address_list, std::string> numeric(const endpoint& where) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(where.address.c_str(), std::to_string(where.port).c_str(), &hints, &list) != 0) {
    return tl::unexpected{"\"" + where.address + "\" is no address; give it in numbers, such as 127.0.0.1 or ::1"};
  }
  return address_list{list};
}

/// Waits until a socket that connects has done so. 0, or what went wrong.
int finish_connecting(int socket, std::chrono::milliseconds patience, const std::atomic<bool>& given_up) {
  constexpr std::chrono::milliseconds between_looks{20};
  const auto end = std::chrono::steady_clock::now() + patience;
  pollfd waiting{socket, POLLOUT, 0};
  int ready = 0;
  while (ready == 0) {
    if (given_up || std::chrono::steady_clock::now() >= end) {
      return ETIMEDOUT;
    }
    ready = ::poll(&waiting, 1, static_cast<int>(std::min(patience, between_looks).count()));
  }
  if (ready < 0) {
    return errno;
  }
  int problem = 0;
  socklen_t length = sizeof problem;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &problem, &length) == 0 ? problem : errno;
}

std::optional<endpoint> shown(const sockaddr_storage& raw, socklen_t length) {
  char address[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&raw), length, address, sizeof address, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV)
      != 0) {
    return std::nullopt;
  }
  return endpoint{address, static_cast<std::uint16_t>(std::stoul(port))};
}

} // namespace

tl::expected<endpoint, std::string> parse_endpoint(std::string_view text) {
  const auto complaint = [text] {
    return tl::unexpected{"\"" + std::string{text} + "\" is no address and port, such as 127.0.0.1:7400 or [::1]:7400"};
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return complaint();
  }
  endpoint given;
  auto address = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), given.port);
  if (problem != std::errc{} || end != digits.data() + digits.size()) {
    return complaint();
  }
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  } else if (address.find(':') != std::string_view::npos) {
    return complaint();
  }
  if (address.empty()) {
    return complaint();
  }
  given.address = address;
  return given;
}

std::string to_string(const endpoint& given) {
  const bool brackets = given.address.find(':') != std::string::npos;
  return (brackets ? "[" + given.address + "]" : given.address) + ":" + std::to_string(given.port);
}

bool is_numeric(std::string_view address) {
  return numeric({std::string{address}, 0}).has_value();
}

bool is_loopback(std::string_view address) {
  const std::string text{address};
  in_addr four{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) {
    return (ntohl(four.s_addr) >> 24U) == 127U;
  }
  in6_addr six{};
  return ::inet_pton(AF_INET6, text.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

tl::expected<int, std::string> listen_at(const endpoint& where) {
  const auto found = numeric(where);
  if (!found) {
    return tl::unexpected{found.error()};
  }
  const auto& address = **found;
  const int socket = ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol);
  const int on = 1;
  // A restarted server gets its port back while connections of its former life linger.
  if (socket < 0 || ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
      || ::bind(socket, address.ai_addr, address.ai_addrlen) != 0 || ::listen(socket, SOMAXCONN) != 0) {
    auto problem = "Cannot listen at " + to_string(where) + ": " + std::strerror(errno)
                   + "; choose another address or port";
    if (socket >= 0) {
      ::close(socket);
    }
    return tl::unexpected{std::move(problem)};
  }
  return socket;
}

tl::expected<int, std::string> connect_to(const endpoint& where, std::chrono::milliseconds patience,
                                          const std::atomic<bool>& given_up) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (const int failed = ::getaddrinfo(where.address.c_str(), std::to_string(where.port).c_str(), &hints, &raw);
      failed != 0) {
    return tl::unexpected{where.address + " is not known: " + ::gai_strerror(failed)};
  }
  const address_list list{raw};
  int problem = 0;
  for (const auto* address = list.get(); address != nullptr; address = address->ai_next) {
    const int socket = ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) {
      problem = errno;
      continue;
    }
    problem = ::connect(socket, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (problem == EINPROGRESS) {
      problem = finish_connecting(socket, patience, given_up);
    }
    if (problem == 0) {
      return socket;
    }
    ::close(socket);
  }
  const auto* const advice = problem == ECONNREFUSED ? ". Is the server running, and is that its address and port?"
                                                     : "";
  return tl::unexpected{std::string{"nobody can be reached there: "} + std::strerror(problem) + advice};
}

std::optional<endpoint> remote_endpoint(int socket) {
  sockaddr_storage raw{};
  socklen_t length = sizeof raw;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&raw), &length) != 0) {
    return std::nullopt;
  }
  return shown(raw, length);
}

std::uint16_t local_port(int socket) {
  sockaddr_storage raw{};
  socklen_t length = sizeof raw;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&raw), &length) != 0) {
    return 0;
  }
  const auto own = shown(raw, length);
  return own ? own->port : std::uint16_t{0};
}

void watch_for_dead_peers(int socket) {
  const auto set = [socket](int level, int option, int value) {
    ::setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  // As long as that takes, for a peer that has something to receive.
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 90'000);
}

} // namespace millrace::network
