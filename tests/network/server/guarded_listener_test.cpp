#include <millrace/actors/network/connection/node.hpp>
#include <millrace/tests/support/network/resident.hpp>
#include <millrace/tests/support/network/server_fixture.hpp>

#include <atomic>
#include <memory>
#include <ostream>
#include <vector>

#include <caf/binary_serializer.hpp>
#include <caf/exit_reason.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/system_messages.hpp>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;
using namespace std::chrono_literals;

/// A message as it travels, without a forwarding stack.
template <class... Ts>
std::string payload_of(caf::actor_system& system, Ts... values) {
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  std::vector<caf::strong_actor_ptr> no_stack;
  auto content = caf::make_message(std::move(values)...);
  BOOST_REQUIRE(!sink(no_stack, content));
  return {bytes.begin(), bytes.end()};
}

/// A server with somebody at work who must not notice what others do.
struct guarded_listener_fixture {
  ~guarded_listener_fixture() { BOOST_TEST(good.served()); }

  /// Whether bytes are answered by the end of the connection, for one reason.
  bool refuses(const std::string& bytes, refusal why) {
    const auto before = server.refused(why);
    raw_peer peer{server.port()};
    peer.send(bytes);
    return peer.closed() && eventually([&] { return server.refused(why) == before + 1; }) && good.served();
  }

  /// Whether bytes that come after a handshake are left out, for one reason, and the connection stays.
  bool leaves_out(greeted_peer& peer, const std::string& bytes, refusal why) {
    const auto before = server.refused(why);
    peer.send(bytes);
    return eventually([&] { return server.refused(why) == before + 1; }) && answers(peer);
  }

  /// Whether a request of a raw peer is answered.
  bool answers(greeted_peer& peer) { return ask(peer, "SELECT 1") && hears(peer, "SELECT 1"); }

  bool ask(greeted_peer& peer, const std::string& sql) {
    return peer.send(direct_message(5, peer.published, request_number, query_payload(sql)));
  }

  /// Whether what a raw peer is told next is the answer to this; the fake engine answers with the question.
  static bool hears(greeted_peer& peer, const std::string& sql) {
    while (true) {
      const auto answer = peer.frame();
      if (answer.empty()) {
        return false;
      }
      const auto header = read_header(answer);
      if (header.operation == 2 && header.dest_actor == 5) {
        return header.operation_data == response_number && answer.find(sql) != std::string::npos;
      }
    }
  }

  std::string query_payload(const std::string& sql = "SELECT 1") { return payload_of(good.system(), select(sql)); }

  served_engine server;
  stock_client good{server.port()};
};

/// Each answer repeats what was asked. How many of so many questions were answered with rows, and how many were not.
std::pair<int, int> answers_after(served_engine& server, greeted_peer& peer, const std::string& asks, int questions) {
  const auto refused_before = server.refused(refusal::rows_unread);
  for (int i = 0; i < questions; ++i) {
    BOOST_REQUIRE(peer.send(asks));
  }
  BOOST_TEST(eventually([&] { return server.refused(refusal::rows_unread) > refused_before; }));
  int rows = 0;
  int refusals = 0;
  while (rows + refusals < questions) {
    const auto told = peer.frame();
    if (told.empty()) {
      break;
    }
    if (read_header(told).operation_data == response_number) {
      ++(told.size() > asks.size() / 2 ? rows : refusals);
    }
  }
  return {rows, refusals};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(guarded_listener, guarded_listener_fixture)

// The five holes of BASP in CAF 0.17.6.

BOOST_AUTO_TEST_CASE(a_handshake_without_payload_ends_its_connection_and_nothing_else) {
  BOOST_TEST(refuses(header_bytes({.operation = 1}), refusal::malformed_payload));
  BOOST_TEST(refuses(header_bytes({.operation = 0, .operation_data = basp_version}), refusal::second_handshake));
  // The same from somebody who has shaken hands.
  greeted_peer peer{server.port()};
  BOOST_TEST(answers(peer));
  peer.send(header_bytes({.operation = 0, .operation_data = basp_version}));
  BOOST_TEST(peer.closed());
}

BOOST_AUTO_TEST_CASE(a_message_without_a_handshake_is_not_delivered) {
  greeted_peer known{server.port()};
  BOOST_TEST(refuses(direct_message(5, known.published, request_number, query_payload()), refusal::no_handshake));
}

BOOST_AUTO_TEST_CASE(an_announced_payload_takes_no_memory) {
  const auto before = resident_mib();
  BOOST_TEST(refuses(header_bytes({.operation = 1, .payload_bytes = 1U << 30U}), refusal::frame_too_large));
  std::vector<greeted_peer> peers;
  for (std::uint32_t i = 0; i < 20; ++i) {
    peers.emplace_back(server.port(), a_node(100 + i));
    BOOST_TEST(answers(peers.back()));
    // Allowed, but it never comes.
    peers.back().send(header_bytes({.operation = 2,
                                    .payload_bytes = 16U << 20U,
                                    .operation_data = no_number,
                                    .source_actor = 5,
                                    .dest_actor = peers.back().published})
                      + "x");
  }
  for (auto& peer : peers) {
    greeted_peer other{server.port(), peer.own_node};
    other.send(header_bytes({.operation = 2, .payload_bytes = 1U << 30U, .source_actor = 5, .dest_actor = 7}));
    BOOST_TEST(other.closed());
  }
  BOOST_TEST(good.served());
  BOOST_TEST(resident_mib() < before + 20);
}

BOOST_AUTO_TEST_CASE(an_exit_message_reaches_nobody) {
  greeted_peer peer{server.port()};
  const auto kill = payload_of(good.system(), caf::exit_msg{caf::actor_addr{}, caf::exit_reason::kill});
  const auto down = payload_of(good.system(), caf::down_msg{caf::actor_addr{}, caf::exit_reason::kill});
  for (const auto& payload :
       {kill, down,
        payload_of(good.system(), caf::link_atom_v, caf::actor_cast<caf::strong_actor_ptr>(good.server()))}) {
    BOOST_TEST(leaves_out(peer, direct_message(5, peer.published, no_number, payload), refusal::content_not_permitted));
    BOOST_TEST(
      leaves_out(peer, direct_message(5, peer.published + 1, no_number, payload), refusal::unpublished_receiver));
  }
  BOOST_TEST(leaves_out(peer, direct_message(5, 12345, no_number, kill, basp_named_receiver), refusal::named_receiver));
}

BOOST_AUTO_TEST_CASE(a_request_without_its_values_is_answered_with_an_error) {
  greeted_peer peer{server.port()};
  peer.send(direct_message(5, peer.published, request_number, message_payload(wire::content<query>)));
  std::string answer;
  do {
    answer = peer.frame();
  } while (!answer.empty() && read_header(answer).operation_data != response_number);
  BOOST_TEST(answer.find("@<>+@error") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(peers_that_ask_and_go_at_once_leave_nothing_behind) {
  const auto published = greeted_peer{server.port()}.published;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    raw_peer peer{server.port(), "127.0.0.2"};
    peer.end_abruptly();
    peer.send(client_handshake(a_node(1'000 + i, 'F')));
    peer.send(direct_message(5, published, request_number, query_payload()));
  }
  auto& known = state_of(broker_of(server.system())).instance.tbl();
  const auto nodes = [&] {
    const std::lock_guard lock{known.mtx_};
    return known.direct_by_nid_.size();
  };
  const auto& port = server.listener();
  BOOST_TEST(eventually([&] { return port.accepted() >= 1'000 && port.connections() == 1; }));
  BOOST_TEST(eventually([&] { return nodes() == 1; }), nodes()); // Who is served meanwhile.
}

BOOST_AUTO_TEST_CASE(what_is_answered_to_a_connection_that_has_ended_is_not_kept) {
  const auto broker = broker_of(server.system());
  const auto kept = std::make_shared<std::atomic<std::size_t>>(0);
  const auto write = [&](std::size_t bytes) {
    loop_of(server.system()).post([broker, kept, bytes] {
      auto& written = state_of(broker).wr_buf(caf::io::connection_handle::from_int(77));
      written.resize(written.size() + bytes);
      *kept = written.capacity();
    });
  };
  write(1'000'000);
  BOOST_TEST(eventually([&] { return *kept >= 1'000'000; }));
  BOOST_TEST(eventually([&] {
    write(1);
    return *kept < 1'000'000;
  }));
}

BOOST_AUTO_TEST_CASE(a_stock_node_cannot_kill_or_link_to_what_is_published) {
  stock_client other{server.port()};
  BOOST_TEST(other.served());
  caf::anon_send_exit(other.server(), caf::exit_reason::kill);
  BOOST_TEST(eventually([&] { return server.refused(refusal::content_not_permitted) == 1; }));
  {
    caf::scoped_actor self{other.system()};
    self->link_to(other.server());
  }
  BOOST_TEST(eventually([&] { return server.refused(refusal::routed_message) > 0; }));
  BOOST_TEST(other.served());
}

BOOST_AUTO_TEST_CASE(a_flood_of_exits_ends_its_connection) {
  greeted_peer peer{server.port()};
  const auto kill = direct_message(5, peer.published, no_number,
                                   payload_of(good.system(), caf::exit_msg{caf::actor_addr{}, caf::exit_reason::kill}));
  std::string many;
  for (int i = 0; i < 3'000; ++i) {
    many += kill;
  }
  peer.send(many);
  BOOST_TEST(peer.closed());
  BOOST_TEST(server.refused(refusal::too_many_control_frames) == 1U);
}

BOOST_AUTO_TEST_CASE(half_a_frame_and_an_end_leave_nothing_behind) {
  const auto all = client_handshake(a_node(78)) + heartbeat();
  for (std::size_t bytes = 0; bytes < all.size(); ++bytes) {
    raw_peer peer{server.port()};
    peer.send(all.substr(0, bytes));
  }
  BOOST_TEST(eventually([&] { return server.listener().connections() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_peer_that_calls_itself_as_the_server_does_is_served) {
  const greeted_peer known{server.port()};
  greeted_peer alike{server.port(), known.server_node};
  BOOST_TEST(answers(alike));
}

BOOST_AUTO_TEST_CASE(a_node_that_comes_back_is_served_while_its_old_connection_lingers) {
  greeted_peer old{server.port(), a_node(79)};
  BOOST_TEST(answers(old));
  greeted_peer fresh{server.port(), a_node(79)};
  fresh.send(client_handshake(a_node(79), basp_select_connection));
  BOOST_TEST(answers(fresh));
}

/// As programs in containers do that share a network.
BOOST_AUTO_TEST_CASE(peers_that_call_themselves_alike_each_get_their_own_answers) {
  std::vector<greeted_peer> alike;
  for (const auto* from : {"127.0.0.1", "127.0.0.1", "127.0.0.2"}) {
    alike.emplace_back(server.port(), a_node(79), from);
    alike.back().send(client_handshake(a_node(79), basp_select_connection));
  }
  for (int round = 0; round < 50; ++round) {
    for (std::size_t i = 0; i < alike.size(); ++i) {
      BOOST_TEST(ask(alike[i], "question " + std::to_string(i)));
    }
    for (std::size_t i = 0; i < alike.size(); ++i) {
      BOOST_TEST(hears(alike[i], "question " + std::to_string(i)));
    }
  }
  alike.pop_back();
  BOOST_TEST(eventually([&] { return server.listener().connections() == 3; }));
  BOOST_TEST(answers(alike.front())); // The end of one is none of the others.
}

/// The server watches whoever asks, by the node that they are.
BOOST_AUTO_TEST_CASE(a_peer_hears_its_own_name) {
  greeted_peer peer{server.port(), a_node(80)};
  BOOST_TEST(ask(peer, "SELECT 1"));
  std::string told;
  do {
    told = peer.frame();
  } while (!told.empty() && read_header(told).operation != 4);
  BOOST_TEST(told == monitor_message(peer.server_node, peer.own_node, 5));
}

BOOST_AUTO_TEST_CASE(many_stock_nodes_are_served_at_once) {
  std::vector<std::unique_ptr<stock_client>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<stock_client>(server.port()));
  }
  for (auto& client : clients) {
    BOOST_TEST(client->served());
  }
  clients.clear();
  BOOST_TEST(eventually([&] { return server.listener().connections() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_large_message_passes_whole) {
  caf::scoped_actor self{good.system()};
  auto large = execute("INSERT INTO t VALUES (?1)", std::string(8'000'000, 'x'));
  bool done = false;
  self->request(good.server(), 60s, std::move(large))
    .receive([&](const outcome&) { done = true; }, [](const caf::error&) {});
  BOOST_TEST(done);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(guarded_listener_limits)

BOOST_AUTO_TEST_CASE(who_never_shakes_hands_is_disconnected) {
  served_engine server{{.handshake_timeout = 200ms}};
  stock_client good{server.port()};
  raw_peer silent{server.port()};
  raw_peer slow{server.port()};
  slow.send(client_handshake(a_node(80)).substr(0, 40));
  BOOST_TEST(silent.closed());
  BOOST_TEST(slow.closed());
  BOOST_TEST(server.refused(refusal::handshake_timeout) == 2U);
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(who_says_nothing_for_long_is_disconnected) {
  served_engine server{{.idle_timeout = 300ms}};
  greeted_peer peer{server.port()};
  BOOST_TEST(peer.closed());
  BOOST_TEST(server.refused(refusal::idle_timeout) == 1U);
  stock_client good{server.port()};
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(connections_are_limited_in_all) {
  served_engine server{{.connections_max = 3}};
  stock_client good{server.port()};
  {
    const greeted_peer second{server.port(), a_node(81)};
    const greeted_peer third{server.port(), a_node(82)};
    raw_peer fourth{server.port()};
    BOOST_TEST(fourth.closed());
    BOOST_TEST(server.refused(refusal::too_many_connections) == 1U);
  }
  BOOST_TEST(eventually([&] { return server.listener().connections() == 1; }));
  const stock_client again{server.port()};
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(connections_are_limited_for_each_address) {
  served_engine server{{.connections_per_address_max = 2}};
  stock_client good{server.port()};
  const greeted_peer second{server.port()};
  raw_peer third{server.port()};
  BOOST_TEST(third.closed());
  BOOST_TEST(server.refused(refusal::too_many_from_address) == 1U);
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(actors_are_limited_in_all) {
  served_engine server{{.actors_max = 150, .actors_always = 30}};
  stock_client good{server.port()};
  BOOST_TEST(good.served());
  const auto asks = message_payload(wire::content<health_request>);
  const auto many = [&](greeted_peer& peer, std::uint64_t count) {
    for (std::uint64_t actor = 1; actor <= count; ++actor) {
      peer.send(direct_message(actor, peer.published, no_number, asks));
    }
  };
  greeted_peer first{server.port(), a_node(83)};
  many(first, 100);
  greeted_peer second{server.port(), a_node(84)};
  many(second, 100);
  // Which of them the server heard first nobody knows.
  BOOST_TEST((second.closed() || first.closed()));
  BOOST_TEST(server.refused(refusal::too_many_actors) == 1U);
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_disconnected) {
  served_engine server{{.unread_timeout = 300ms}};
  stock_client good{server.port()};
  greeted_peer peer{server.port()};
  // Each answer repeats what was asked.
  const auto asks = direct_message(5, peer.published, request_number,
                                   payload_of(good.system(), select(std::string(200'000, 'x'))));
  for (int i = 0; i < 100 && peer.send(asks); ++i) {}
  BOOST_TEST(eventually([&] { return server.refused(refusal::peer_does_not_read) == 1; }));
  BOOST_TEST(eventually([&] { return server.listener().connections() == 1; }));
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(rows_are_refused_while_much_is_unread_and_the_connection_stays) {
  guarded_listener_fixture usual;
  served_engine server{{.unread_bytes_max = 4'000'000}};
  greeted_peer peer{server.port()};
  const auto asks = direct_message(5, peer.published, request_number, usual.query_payload(std::string(200'000, 'x')));
  const auto [rows, refusals] = answers_after(server, peer, asks, 200);
  BOOST_TEST(rows >= 4'000'000 / 200'000 - 1);
  BOOST_TEST(refusals > 0);
  BOOST_TEST(rows + refusals == 200);
  BOOST_TEST(usual.answers(peer)); // Once it has read, it has room again.
  BOOST_TEST(server.refused(refusal::peer_does_not_read) == 0U);
}

BOOST_AUTO_TEST_CASE(one_answer_is_sent_however_large_it_is) {
  guarded_listener_fixture usual;
  served_engine server{{.unread_bytes_max = 1'000'000}};
  greeted_peer peer{server.port()};
  BOOST_TEST(usual.ask(peer, std::string(3'000'000, 'x')));
  BOOST_TEST(usual.hears(peer, std::string(3'000'000, 'x')));
}

BOOST_AUTO_TEST_CASE(peers_that_do_not_read_take_no_room_of_those_that_do) {
  guarded_listener_fixture usual;
  served_engine server{{.unread_bytes_total_max = 8'000'000}};
  std::vector<greeted_peer> idle;
  for (std::uint32_t i = 0; i < 5; ++i) {
    idle.emplace_back(server.port(), a_node(100 + i));
    const auto asks = direct_message(5, idle.back().published, request_number,
                                     usual.query_payload(std::string(1'000'000, 'x')));
    for (int n = 0; n < 20; ++n) {
      BOOST_REQUIRE(idle.back().send(asks));
    }
  }
  BOOST_TEST(eventually([&] { return server.refused(refusal::rows_unread) > 5 * 10; }));
  greeted_peer reads{server.port()};
  for (int i = 0; i < 20; ++i) {
    BOOST_TEST(usual.ask(reads, std::string(500'000, 'y')));
    BOOST_TEST(usual.hears(reads, std::string(500'000, 'y')));
  }
}

BOOST_AUTO_TEST_CASE(who_has_twice_the_bound_unread_all_the_same_is_disconnected) {
  guarded_listener_fixture usual;
  served_engine server{{.unread_bytes_max = 100'000}};
  greeted_peer peer{server.port()};
  // Answered with an outcome each, which is never refused.
  const auto asks = direct_message(5, peer.published, request_number, payload_of(usual.good.system(), execute("x")));
  std::string many;
  for (int i = 0; i < 1'000; ++i) {
    many += asks;
  }
  for (int i = 0; i < 1'000 && peer.send(many); ++i) {}
  BOOST_TEST(eventually([&] { return server.refused(refusal::peer_does_not_read) == 1; }));
}

BOOST_AUTO_TEST_CASE(who_is_connected_stays_so_when_nobody_is_taken_in_any_more) {
  served_engine server;
  stock_client good{server.port()};
  server.listener().stop_accepting();
  BOOST_CHECK_THROW(raw_peer{server.port()}, std::runtime_error);
  BOOST_TEST(good.served());
  server.listener().close(1s);
  BOOST_TEST(!good.served(300ms));
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_a_sentence) {
  served_engine server;
  const auto second = listener::open(server.system(), {{"127.0.0.1", server.port()}, {}, {}, {}}, {});
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().starts_with("Cannot listen at 127.0.0.1:"));
  BOOST_TEST(!listener::open(server.system(), {{"localhost", 0}, {}, {}, {}}, {}));
}

BOOST_AUTO_TEST_SUITE_END()
