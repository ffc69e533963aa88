#include <millrace/actors/base/actor_system.hpp>
#include <millrace/actors/client/async_client.hpp>
#include <millrace/actors/client/client.hpp>
#include <millrace/actors/client/courier.hpp>
#include <millrace/actors/network/connection/address.hpp>
#include <millrace/actors/network/connection/node.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/tests/support/log_listener.hpp>
#include <millrace/tests/support/network/certificate_folder.hpp>
#include <millrace/tests/support/network/server_fixture.hpp>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;
using namespace std::chrono_literals;

std::string url_of(const served_engine& server, const char* scheme = "millrace") {
  return std::string{scheme} + "://127.0.0.1:" + std::to_string(server.port());
}

/// A program that talks to an engine elsewhere.
struct program_elsewhere {
  remote_engine connect_to(remote_settings settings) {
    settings.reconnect_first = 10ms;
    settings.reconnect_cap = 100ms;
    auto made = network::connect(system, std::move(settings));
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error()));
    return std::move(*made);
  }

  remote_config config;
  caf::actor_system system{config};
};

/// Accepts one connection and says what a server would not.
class hostile_server {
public:
  explicit hostile_server(std::string bytes) : socket_(*listen_at({"127.0.0.1", 0})) {
    thread_ = std::thread{[this, said = std::move(bytes)] {
      while (true) {
        const int peer = ::accept(socket_, nullptr, nullptr);
        if (peer < 0) {
          return;
        }
        ::send(peer, said.data(), said.size(), MSG_NOSIGNAL);
        char part[4096];
        while (::recv(peer, part, sizeof part, 0) > 0) {}
        ::close(peer);
      }
    }};
  }
  ~hostile_server() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  std::string url() const { return "millrace://127.0.0.1:" + std::to_string(local_port(socket_)); }

private:
  int socket_;
  std::thread thread_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(remote_engine_suite, program_elsewhere)

BOOST_AUTO_TEST_CASE(a_client_is_served_by_an_engine_elsewhere) {
  served_engine server;
  const auto engine = connect_to({.url = url_of(server)});
  client db{system, engine.front()};
  const auto rows = db.query("SELECT 1");
  BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : to_string(rows.error())));
  BOOST_TEST((*rows)[0]["sql"].as_text() == "SELECT 1");
  BOOST_TEST((*db.execute("DELETE FROM t")).seq == 1U);
  BOOST_TEST(db.health().has_value());
  BOOST_TEST(engine.connected());
  BOOST_TEST(!engine.obstacle());
}

BOOST_AUTO_TEST_CASE(tls_is_spoken_where_the_address_says_so) {
  const certificate_folder files;
  served_engine server{{}, files.settings("server")};
  const auto engine = connect_to({.url = url_of(server, "millraces"), .tls = files.settings("client")});
  client db{system, engine.front()};
  BOOST_TEST(db.query(std::string(500'000, 'x')).has_value());
}

BOOST_AUTO_TEST_CASE(a_server_that_is_somebody_else_is_not_spoken_to) {
  const certificate_folder files;
  const certificate_folder foreign;
  served_engine server{{}, foreign.settings("server")};
  const auto engine = connect_to({.url = url_of(server, "millraces"), .tls = files.settings("client")});
  BOOST_TEST(eventually([&] { return engine.refused()[refusal::certificate_refused] > 0; }));
  BOOST_TEST(!engine.connected());
  BOOST_REQUIRE(eventually([&] { return engine.obstacle().has_value(); }));
  BOOST_TEST(engine.obstacle()->detail.find("The peer's certificate is not one to trust.") != std::string::npos);
  client db{system, engine.front(), 200ms};
  const auto rows = db.query("SELECT 1");
  BOOST_REQUIRE(!rows);
  BOOST_TEST((rows.error().code == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(a_restart_of_the_server_is_a_delay) {
  std::optional<served_engine> server{std::in_place};
  const auto port = server->port();
  const auto engine = connect_to({.url = url_of(*server)});
  client db{system, engine.front()};
  BOOST_TEST(db.execute("DELETE FROM t").has_value());
  for (int i = 0; i < 3; ++i) {
    server.reset();
    BOOST_TEST(eventually([&] { return !engine.connected(); }));
    std::thread restart{[&] {
      std::this_thread::sleep_for(50ms);
      server.emplace(connection_limits{}, tls_settings{}, port);
    }};
    BOOST_TEST(db.execute("DELETE FROM t").has_value());
    restart.join();
  }
}

BOOST_AUTO_TEST_CASE(what_was_under_way_when_the_connection_was_lost_is_answered) {
  std::optional<served_engine> server{std::in_place};
  const auto engine = connect_to({.url = url_of(*server)});
  BOOST_REQUIRE(eventually([&] { return engine.connected(); }));
  std::atomic<int> unknown = 0;
  std::atomic<int> answered = 0;
  auto asker = system.spawn([&, front = engine.front()](caf::event_based_actor* self) {
    for (int i = 0; i < 100; ++i) {
      self->request(front, 60s, execute("never answered"))
        .then([&](const outcome&) { ++answered; },
              [&](const caf::error& why) { unknown += failure_of(why).code == errc::outcome_unknown ? 1 : 0; });
    }
  });
  std::this_thread::sleep_for(100ms);
  BOOST_TEST(unknown == 0);
  server.reset();
  BOOST_TEST(eventually([&] { return unknown == 100; }));
  BOOST_TEST(answered == 0);
}

BOOST_AUTO_TEST_CASE(couriers_of_many_actors_share_one_connection) {
  served_engine server;
  const auto engine = connect_to({.url = url_of(server)});
  const auto courier = spawn_courier(system, engine.front());
  std::atomic<int> done = 0;
  constexpr int actors = 1'000;
  for (int i = 0; i < actors; ++i) {
    system.spawn([&, courier](caf::event_based_actor* self) {
      self->request(courier, 60s, execute("DELETE FROM t"))
        .then([&](const outcome&) { ++done; }, [](const caf::error&) {});
    });
  }
  BOOST_TEST(eventually([&] { return done == actors; }));
  BOOST_TEST(server.listener().connections() == 1U);
  BOOST_TEST(server.listener().accepted() == 1U);
  caf::anon_send_exit(courier, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_answer_any_more_is_left) {
  served_engine server;
  const auto engine = connect_to({.url = url_of(server), .ping_interval = 100ms});
  BOOST_REQUIRE(eventually([&] { return engine.connected(); }));
  server.fall_silent();
  BOOST_TEST(eventually([&] { return server.listener().accepted() > 1; }));
}

BOOST_AUTO_TEST_CASE(a_program_may_use_several_ports_of_one_server_and_one_of_them_twice) {
  served_engine server;
  const auto reading = listener::open(server.system(), {{"127.0.0.1", 0}, wire::role::read, {}, {}},
                                      {server.engine(), {}}, &server.listener());
  BOOST_REQUIRE_MESSAGE(reading, (reading ? "" : reading.error()));
  const auto writes = connect_to({.url = url_of(server)});
  const auto reads = connect_to({.url = "millrace://127.0.0.1:" + std::to_string(reading->port())});
  client writer{system, writes.front()};
  client reader{system, reads.front()};
  {
    const auto again = connect_to({.url = url_of(server)});
    client beside{system, again.front()};
    BOOST_TEST(beside.execute("DELETE FROM t").has_value());
    BOOST_TEST((again.granted() == wire::role::read_write));
  }
  BOOST_TEST(writer.execute("DELETE FROM t").has_value()); // The end of one connection is none of the others.
  BOOST_TEST(reader.query("SELECT 1").has_value());
  BOOST_TEST((reads.granted() == wire::role::read));
}

/// Since CAF names a node by its machine and its process id, and containers share both.
BOOST_AUTO_TEST_CASE(a_server_that_is_named_as_this_program_is_asked_all_the_same) {
  const auto own = bytes_of(system.node());
  const auto socket = listen_at({"127.0.0.1", 0});
  BOOST_REQUIRE(socket);
  const auto engine = connect_to({.url = "millrace://127.0.0.1:" + std::to_string(local_port(*socket))});
  auto asking = raw_peer::accepted_at(*socket);
  asking.send(server_handshake({own.data(), own.size()}, 7));
  BOOST_TEST(asking.frame() == client_handshake({own.data(), own.size()}));
  bool greeted = false;
  while (!greeted) {
    const auto told = asking.frame();
    if (told.empty()) {
      break;
    }
    greeted = read_header(told).operation == 2 && read_header(told).dest_actor == 7;
  }
  BOOST_TEST(greeted);
  ::close(*socket);
}

BOOST_AUTO_TEST_CASE(many_large_transactions_go_one_after_the_other) {
  served_engine server;
  remote_settings settings{.url = url_of(server)};
  settings.limits.unread_bytes_max = 8'000'000; // Far less than they are together.
  const auto engine = connect_to(std::move(settings));
  BOOST_REQUIRE(eventually([&] { return engine.connected(); }));
  async_client db{system, engine.front()};
  std::vector<std::future<expected<outcome>>> all;
  for (int i = 0; i < 30; ++i) {
    all.push_back(db.execute("INSERT INTO t VALUES (?1)", std::string(3'000'000, 'x')));
  }
  for (auto& one : all) {
    BOOST_TEST(one.get().has_value());
  }
  BOOST_TEST(engine.refused()[refusal::peer_does_not_read] == 0U);
  BOOST_TEST(server.listener().accepted() == 1U);
}

BOOST_AUTO_TEST_CASE(what_waits_to_be_sent_when_the_connection_is_lost_had_no_effect) {
  std::optional<served_engine> server{std::in_place};
  remote_settings settings{.url = url_of(*server)};
  settings.limits.unread_bytes_max = 2'000'000;
  const auto engine = connect_to(std::move(settings));
  BOOST_REQUIRE(eventually([&] { return engine.connected(); }));
  std::atomic<int> unknown = 0;
  std::atomic<int> unavailable = 0;
  const auto asker = system.spawn([&, front = engine.front()](caf::event_based_actor* self) {
    for (const auto* sql : {"never answered", "waits"}) {
      self->request(front, caf::infinite, execute(sql, std::string(900'000, 'x')))
        .then([](const outcome&) {},
              [&](const caf::error& why) { ++(failure_of(why).code == errc::unavailable ? unavailable : unknown); });
    }
  });
  std::this_thread::sleep_for(100ms);
  server.reset();
  BOOST_TEST(eventually([&] { return unknown + unavailable == 2; }));
  BOOST_TEST(unknown == 1);
  BOOST_TEST(unavailable == 1);
}

BOOST_AUTO_TEST_CASE(a_hostile_server_cannot_break_its_client) {
  const auto there = a_node(99, 'S');
  const auto greeting = server_handshake(there);
  const std::vector<std::pair<std::string, refusal>> all{
    {header_bytes({.operation = 0, .operation_data = basp_version}), refusal::malformed_payload},
    {header_bytes({.operation = 1}), refusal::second_handshake},
    {direct_message(1, 1, no_number, message_payload("@<>+@exit")), refusal::no_handshake},
    {header_bytes({.operation = 0, .payload_bytes = 1U << 30U, .operation_data = basp_version}),
     refusal::frame_too_large},
    {greeting + header_bytes({.operation = 2, .payload_bytes = 1U << 30U, .dest_actor = 1}), refusal::frame_too_large},
    {greeting + greeting, refusal::second_handshake},
  };
  for (const auto& [bytes, why] : all) {
    const hostile_server server{bytes};
    const auto engine = connect_to({.url = server.url()});
    BOOST_TEST(eventually([&engine, expected = why] { return engine.refused()[expected] > 0; }), name_of(why));
  }
  served_engine good;
  const auto engine = connect_to({.url = url_of(good)});
  client db{system, engine.front()};
  BOOST_TEST(db.query("SELECT 1").has_value());
}

BOOST_AUTO_TEST_CASE(nobody_there_is_said_after_the_patience) {
  const auto engine = connect_to({.url = "millrace://127.0.0.1:1"});
  client db{system, engine.front(), 300ms};
  const auto done = db.execute("DELETE FROM t");
  BOOST_REQUIRE(!done);
  BOOST_TEST((done.error().code == errc::unavailable));
  BOOST_TEST(done.error().detail.find("127.0.0.1:1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(exit_messages_do_not_end_the_front) {
  served_engine server;
  const auto engine = connect_to({.url = url_of(server)});
  caf::anon_send_exit(engine.front(), caf::exit_reason::kill);
  client db{system, engine.front()};
  BOOST_TEST(db.query("SELECT 1").has_value());
}

BOOST_AUTO_TEST_CASE(addresses_that_are_none_are_sentences) {
  for (const auto* url :
       {"", "127.0.0.1:7400", "http://127.0.0.1:7400", "millrace://127.0.0.1", "millraces://[::1]:7400"}) {
    const auto made = network::connect(system, {.url = url});
    BOOST_CHECK_MESSAGE(!made, url);
  }
  const certificate_folder files;
  const auto made = network::connect(system, {.url = "millrace://127.0.0.1:7400", .tls = files.settings("client")});
  BOOST_REQUIRE(!made);
  BOOST_TEST(made.error().find("millraces://") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_system_without_connections_is_told_the_line_that_is_missing) {
  system_config bare;
  caf::actor_system alone{bare};
  const auto way_out = network::connect(alone, {.url = "millrace://127.0.0.1:7400"});
  const auto way_in = listener::open(alone, {.at = {"127.0.0.1", 0}}, {});
  for (const auto& why : {way_out.error(), way_in.error()}) {
    BOOST_TEST(why.find("load<caf::io::middleman>()") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(what_outlives_its_system_is_ended_and_named) {
  remote_config settings;
  log_listener log;
  served_engine server;
  auto ending = std::make_unique<millrace::actor_system>(settings);
  const auto way_out = network::connect(*ending, {.url = url_of(server)});
  const auto way_in = listener::open(*ending, {.at = {"127.0.0.1", 0}}, {});
  BOOST_REQUIRE(way_out && way_in);
  BOOST_TEST(eventually([&] { return way_out->connected(); }));
  ending.reset();
  BOOST_TEST(log.has("a connection to an engine elsewhere was still there"));
  BOOST_TEST(log.has("a listener was still there"));
}

BOOST_AUTO_TEST_SUITE_END()
