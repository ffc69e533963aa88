#pragma once

#include <millrace/tests/support/network/raw_peer.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace millrace::test {

/// One response as it came.
struct http_response {
  unsigned status = 0; ///< 0 where none came.
  std::string head;
  std::string body;

  bool has(std::string_view part) const { return body.find(part) != std::string::npos; }
};

/// A program that speaks HTTP over one connection, and says what a test wants.
class http_client {
public:
  explicit http_client(std::uint16_t port) : peer_(port) {}

  raw_peer& peer() noexcept { return peer_; }

  http_response get(const std::string& path, const std::string& headers = {}) {
    return send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
  }
  http_response post(const std::string& path, const std::string& body, const std::string& headers = {}) {
    return send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size())
                + "\r\n" + headers + "\r\n" + body);
  }
  http_response send(const std::string& request) {
    peer_.send(request);
    return receive();
  }

  http_response receive() {
    http_response got;
    got.head = peer_.until("\r\n\r\n");
    if (got.head.size() < 12) {
      return got;
    }
    got.status = static_cast<unsigned>(std::atoi(got.head.c_str() + 9));
    if (const auto at = got.head.find("Content-Length: "); at != std::string::npos) {
      got.body = peer_.exactly(static_cast<std::size_t>(std::atoll(got.head.c_str() + at + 16)));
    } else if (got.head.find("chunked") != std::string::npos) {
      for (;;) {
        const auto size = std::strtoul(peer_.until("\r\n").c_str(), nullptr, 16);
        got.body += peer_.exactly(size);
        if (peer_.until("\r\n").empty() || size == 0) {
          break;
        }
      }
    }
    return got;
  }

private:
  raw_peer peer_;
};

} // namespace millrace::test
