#pragma once

#include "http_client.hpp"

#include <millrace/actors/network/http/http_server.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>

#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>

namespace millrace::test {

/// A real engine with a table, served at a port.
struct http_server_fixture : engine_fixture {
  static constexpr auto secret = "Authorization: Bearer secret\r\n";

  network::http::http_settings web;
  std::optional<network::http::http_server> server;

  http_server_fixture() {
    open("CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    web.at = {"127.0.0.1", 0};
  }
  ~http_server_fixture() { server.reset(); }

  void serve() {
    server.reset();
    auto opened = network::http::http_server::open(system, web, {tested->front(), tested->operations()});
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error()));
    server.emplace(std::move(*opened));
  }
  http_client connect() const { return http_client{server->port()}; }

  /// Lets the token "secret" have a role, and nobody else any.
  void let_in(const std::string& role) {
    web.tokens = folder.path() / "tokens";
    std::ofstream{web.tokens} << role + " sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n";
    serve();
  }

  /// Sends what computes without end, the second that is accepted, and sets it aside. Its answer.
  http_response set_one_aside() {
    auto program = connect();
    const std::string body =
      R"j({"statements":["INSERT INTO t SELECT count(*), 1 FROM (WITH RECURSIVE c(i) AS (SELECT 1 )j"
      R"j(UNION ALL SELECT i + 1 FROM c) SELECT i FROM c)"]})j";
    program.peer().send("POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                        + std::to_string(body.size()) + "\r\n" + secret + "\r\n" + body);
    // Until it is accepted there is no such transaction.
    while (connect().post("/admin/quarantine/set-aside?seq=2", "", secret).status == 404) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return program.receive();
  }
};

} // namespace millrace::test
