#include <millrace/actors/network/guard/basp_guard.hpp>
#include <millrace/messages/wire/requests.hpp>
#include <millrace/tests/support/network/basp_frames.hpp>

#include <chrono>
#include <ostream>

#include <boost/test/unit_test.hpp>

namespace millrace::network {

std::ostream& operator<<(std::ostream& to, refusal why) {
  return to << name_of(why);
}

} // namespace millrace::network

namespace {

using namespace millrace::network;
namespace wire = millrace::wire;
using namespace millrace::test;
using namespace std::chrono_literals;

using action = basp_guard::action;

constexpr std::uint64_t published = 7;
constexpr std::size_t message_bytes_max = 100'000;

const std::string here = a_node(1, 'H');
const std::string there = a_node(2, 'T');
const std::string elsewhere = a_node(3, 'E');

guard_scope scope_of(guarded_side side, guard_limits limits = {}) {
  limits.message_bytes_max = message_bytes_max;
  guard_scope scope;
  scope.side = side;
  scope.own_node = as_node(here);
  scope.published_actor = published;
  if (side == guarded_side::server) {
    scope.contents = wire::contents_from(wire::role::operations);
  } else {
    scope.contents = wire::contents_from_server();
  }
  scope.limits = limits;
  return scope;
}

/// A guard, and what it is shown.
struct basp_guard_fixture {
  explicit basp_guard_fixture(guarded_side side = guarded_side::server, guard_limits limits = {})
    : guard(scope_of(side, limits)) {}

  /// Judges bytes that hold one frame.
  refusal judge(const std::string& bytes) {
    const auto decided = guard.look(bytes, now);
    if (decided.what == action::pass || decided.what == action::drop) {
      BOOST_TEST(decided.bytes == bytes.size());
    }
    BOOST_TEST((decided.what == action::refuse) == closes(decided.why));
    BOOST_TEST((decided.what == action::pass) == (decided.why == refusal::none));
    return decided.why;
  }

  basp_guard guard;
  basp_guard::time_point now{1h};
};

struct at_server : basp_guard_fixture {
  explicit at_server(guard_limits limits = {}) : basp_guard_fixture(guarded_side::server, limits) {
    BOOST_TEST(judge(client_handshake(there)) == refusal::none);
  }
};

struct at_client : basp_guard_fixture {
  at_client() : basp_guard_fixture(guarded_side::client) {
    BOOST_TEST(judge(server_handshake(there)) == refusal::none);
  }
};

std::string request(std::uint64_t from = 5, std::string_view types = wire::content<millrace::page_query>) {
  return direct_message(from, published, request_number, message_payload(types, "values"));
}

std::string answer(std::string_view types, std::string_view values = "values") {
  return direct_message(9, 5, response_number, message_payload(types, values));
}

} // namespace

BOOST_AUTO_TEST_SUITE(basp_guard_suite)

BOOST_AUTO_TEST_CASE(what_a_client_sends_passes_a_servers_guard) {
  at_server peer;
  BOOST_TEST(peer.judge(client_handshake(there, basp_select_connection)) == refusal::none);
  for (const auto types : wire::contents_from(wire::role::operations)) {
    BOOST_TEST(peer.judge(request(5, types)) == refusal::none);
  }
  BOOST_TEST(peer.judge(direct_message(0, published, no_number, message_payload(wire::content<millrace::query>)))
             == refusal::none);
  BOOST_TEST(peer.judge(monitor_message(there, here, published)) == refusal::none);
  BOOST_TEST(peer.judge(down_message(there, here, 5, error_bytes())) == refusal::none);
  BOOST_TEST(peer.judge(heartbeat()) == refusal::none);
  BOOST_TEST((peer.guard.peer() == as_node(there)));
}

BOOST_AUTO_TEST_CASE(what_a_server_sends_passes_a_clients_guard) {
  at_client peer;
  for (const auto types : wire::contents_from_server()) {
    const bool error = types == "@<>+@error";
    BOOST_TEST(peer.judge(answer(types, error ? error_bytes() : "values")) == refusal::none);
  }
  BOOST_TEST(peer.judge(direct_message(9, 5, no_number, message_payload(wire::content<millrace::health_changed>)))
             == refusal::none);
  BOOST_TEST(peer.judge(monitor_message(there, here, 5)) == refusal::none);
  BOOST_TEST(peer.judge(down_message(there, here, 9, error_bytes())) == refusal::none);
  BOOST_TEST(peer.judge(heartbeat()) == refusal::none);
}

BOOST_AUTO_TEST_CASE(a_handshake_without_a_node_is_refused_by_its_header_alone) {
  for (const auto payload : {0U, 31U}) {
    basp_guard_fixture server;
    BOOST_TEST(server.judge(header_bytes({.operation = 1, .payload_bytes = payload})) == refusal::malformed_payload);
    basp_guard_fixture client{guarded_side::client};
    BOOST_TEST(client.judge(header_bytes({.operation = 0, .payload_bytes = payload, .operation_data = basp_version}))
               == refusal::malformed_payload);
  }
}

BOOST_AUTO_TEST_CASE(nothing_passes_before_the_handshake) {
  for (const auto& early :
       {request(), monitor_message(there, here, published), heartbeat(), down_message(there, here, 5, error_bytes()),
        frame({.operation = 3, .dest_actor = 7}, "x")}) {
    basp_guard_fixture server;
    BOOST_TEST(server.judge(early) == refusal::no_handshake);
    // What is refused once stays so.
    BOOST_TEST(server.judge(client_handshake(there)) == refusal::no_handshake);
  }
}

BOOST_AUTO_TEST_CASE(an_announced_length_is_refused_before_its_bytes_come) {
  at_server peer;
  const auto announced = [](std::uint32_t bytes) {
    return header_bytes(
      {.operation = 2, .payload_bytes = bytes, .operation_data = no_number, .source_actor = 5, .dest_actor = 7});
  };
  const auto largest = peer.guard.look(announced(message_bytes_max), peer.now);
  BOOST_TEST((largest.what == action::wait));
  BOOST_TEST(largest.bytes == message_bytes_max + basp_header_bytes);
  for (const auto bytes : {std::uint32_t{message_bytes_max + 1}, 1U << 30U, UINT32_MAX}) {
    at_server other;
    BOOST_TEST(other.judge(announced(bytes)) == refusal::frame_too_large);
  }
  basp_guard_fixture fresh;
  BOOST_TEST(fresh.judge(header_bytes({.operation = 1, .payload_bytes = 33})) == refusal::frame_too_large);
  basp_guard_fixture client{guarded_side::client};
  BOOST_TEST(
    client.judge(header_bytes({.operation = 0, .payload_bytes = 16 * 1024 + 1, .operation_data = basp_version}))
    == refusal::frame_too_large);
}

BOOST_AUTO_TEST_CASE(an_operation_that_does_not_exist_is_refused) {
  for (const auto operation : {7, 8, 127, 255}) {
    at_server peer;
    BOOST_TEST(peer.judge(header_bytes({.operation = static_cast<std::uint8_t>(operation)}))
               == refusal::unknown_operation);
  }
}

BOOST_AUTO_TEST_CASE(header_fields_that_an_operation_has_no_use_for_are_zero) {
  const auto refused = [](basp_header header, std::string_view payload) {
    at_server peer;
    return peer.judge(frame(header, payload)) == refusal::malformed_header;
  };
  const auto nodes = there + here;
  const auto message = message_payload(wire::content<millrace::page_query>);
  BOOST_TEST(refused({.operation = 1, .padding = 1}, there));
  BOOST_TEST(refused({.operation = 1, .flags = 1}, there));
  BOOST_TEST(refused({.operation = 1, .operation_data = 3}, there));
  BOOST_TEST(refused({.operation = 1, .source_actor = 1}, there));
  BOOST_TEST(refused({.operation = 1, .dest_actor = 1}, there));
  BOOST_TEST(refused({.operation = 2, .flags = 2, .dest_actor = 7}, message));
  BOOST_TEST(refused({.operation = 2, .dest_actor = 0}, message));
  BOOST_TEST(refused({.operation = 4, .flags = 1, .dest_actor = 7}, nodes));
  BOOST_TEST(refused({.operation = 4, .operation_data = 1, .dest_actor = 7}, nodes));
  BOOST_TEST(refused({.operation = 4, .source_actor = 1, .dest_actor = 7}, nodes));
  BOOST_TEST(refused({.operation = 4}, nodes));
  BOOST_TEST(refused({.operation = 5, .source_actor = 5, .dest_actor = 7}, nodes + error_bytes()));
  BOOST_TEST(refused({.operation = 5}, nodes + error_bytes()));
  BOOST_TEST(refused({.operation = 6, .operation_data = 1}, ""));
  BOOST_TEST(refused({.operation = 6}, "x"));
}

BOOST_AUTO_TEST_CASE(each_side_hears_only_the_handshake_of_the_other) {
  basp_guard_fixture server;
  BOOST_TEST(server.judge(server_handshake(there)) == refusal::second_handshake);
  basp_guard_fixture client{guarded_side::client};
  BOOST_TEST(client.judge(client_handshake(there)) == refusal::second_handshake);
  at_client greeted;
  BOOST_TEST(greeted.judge(server_handshake(there)) == refusal::second_handshake);
}

BOOST_AUTO_TEST_CASE(a_server_of_another_version_is_refused) {
  basp_guard_fixture client{guarded_side::client};
  BOOST_TEST(client.judge(header_bytes({.operation = 0, .payload_bytes = 100, .operation_data = 4}))
             == refusal::wrong_version);
}

BOOST_AUTO_TEST_CASE(a_server_handshake_is_read_to_its_end) {
  const auto whole = server_handshake(there).substr(basp_header_bytes);
  for (std::size_t cut = sizeof(node_bytes); cut < whole.size(); ++cut) {
    basp_guard_fixture client{guarded_side::client};
    BOOST_TEST(client.judge(frame({.operation = 0, .operation_data = basp_version}, whole.substr(0, cut)))
               == refusal::malformed_payload);
  }
  basp_guard_fixture client{guarded_side::client};
  BOOST_TEST(client.judge(frame({.operation = 0, .operation_data = basp_version}, whole + "x"))
             == refusal::malformed_payload);
}

BOOST_AUTO_TEST_CASE(a_peer_may_call_itself_as_this_node_does) {
  basp_guard_fixture server;
  BOOST_TEST(server.judge(client_handshake(here)) == refusal::none);
  BOOST_TEST(server.judge(monitor_message(here, here, published)) == refusal::none);
  basp_guard_fixture client{guarded_side::client};
  BOOST_TEST(client.judge(server_handshake(here)) == refusal::none);
}

BOOST_AUTO_TEST_CASE(nobody_is_two_nodes_or_none) {
  at_server greeted;
  BOOST_TEST(greeted.judge(client_handshake(elsewhere)) == refusal::foreign_node);
  for (const auto& node : {std::string(32, '\0'), a_node(0), a_node(1, '\0'), std::string(32, 'x')}) {
    basp_guard_fixture other;
    BOOST_TEST(other.judge(client_handshake(node)) == refusal::malformed_payload);
  }
}

BOOST_AUTO_TEST_CASE(routed_messages_are_left_out) {
  at_server peer;
  const auto payload = there + here + message_payload(wire::content<millrace::page_query>);
  BOOST_TEST(peer.judge(frame({.operation = 3, .dest_actor = published}, payload)) == refusal::routed_message);
  BOOST_TEST(peer.judge(request()) == refusal::none);
  BOOST_TEST(peer.judge(frame({.operation = 3}, payload)) == refusal::malformed_header);
}

BOOST_AUTO_TEST_CASE(monitors_and_downs_speak_for_the_node_that_shook_hands) {
  for (const auto& [from, to] :
       {std::pair{elsewhere, here}, std::pair{there, elsewhere}, std::pair{here, there}, std::pair{here, here}}) {
    at_server peer;
    BOOST_TEST(peer.judge(monitor_message(from, to, published)) == refusal::foreign_node);
    at_server other;
    BOOST_TEST(other.judge(down_message(from, to, 5, error_bytes())) == refusal::foreign_node);
    // What was refused once stays so.
    BOOST_TEST(other.judge(request()) == refusal::foreign_node);
  }
}

BOOST_AUTO_TEST_CASE(only_the_published_actor_can_be_reached) {
  at_server peer;
  const auto payload = message_payload(wire::content<millrace::page_query>);
  BOOST_TEST(peer.judge(direct_message(5, published + 1, request_number, payload)) == refusal::unpublished_receiver);
  BOOST_TEST(peer.judge(monitor_message(there, here, published + 1)) == refusal::unpublished_receiver);
  BOOST_TEST(peer.judge(direct_message(5, 12345, no_number, payload, basp_named_receiver)) == refusal::named_receiver);
  BOOST_TEST(peer.judge(direct_message(5, published, request_number, payload, basp_named_receiver))
             == refusal::named_receiver);
  BOOST_TEST(peer.judge(request()) == refusal::none);
}

BOOST_AUTO_TEST_CASE(exits_downs_links_and_kin_are_left_out) {
  for (const auto* types : {"@<>", "@<>+@exit", "@<>+@down", "@<>+@atom+@strong_actor_ptr", "@<>+@atom", "@<>+@message",
                            "@<>+@group", "@<>+@error", "@<>+millrace::query+@exit", "@<>+millrace::quer",
                            "@<>+millrace::outcome", "@<>+@open_stream_msg", "millrace::query"}) {
    at_server peer;
    BOOST_TEST(peer.judge(request(5, types)) == refusal::content_not_permitted);
    BOOST_TEST(peer.judge(request()) == refusal::none);
  }
}

BOOST_AUTO_TEST_CASE(a_forwarding_stack_is_left_out) {
  at_server peer;
  const auto stack = varint(1) + big_endian(4, 8) + elsewhere
                     + message_payload(wire::content<millrace::page_query>).substr(1);
  BOOST_TEST(peer.judge(direct_message(5, published, request_number, stack)) == refusal::content_not_permitted);
  // One that reads as if there were none.
  auto payload = message_payload(wire::content<millrace::page_query>);
  payload[0] = 1;
  BOOST_TEST(peer.judge(direct_message(5, published, request_number, payload)) == refusal::content_not_permitted);
}

BOOST_AUTO_TEST_CASE(a_message_that_is_cut_within_its_types_is_refused) {
  const auto payload = message_payload(wire::content<millrace::page_query>);
  for (std::size_t bytes = 7; bytes < payload.size(); ++bytes) {
    at_server peer;
    BOOST_TEST(peer.judge(direct_message(5, published, request_number, payload.substr(0, bytes)))
               == refusal::malformed_payload);
  }
  // Lengths that go on and on.
  at_server peer;
  BOOST_TEST(peer.judge(direct_message(5, published, request_number, std::string(40, '\xFF')))
             == refusal::malformed_payload);
}

BOOST_AUTO_TEST_CASE(a_server_takes_no_responses_and_a_client_no_requests) {
  for (const auto number :
       {response_number, request_number | std::uint64_t{1} << 62U, request_number | std::uint64_t{1} << 61U}) {
    at_server peer;
    BOOST_TEST(peer.judge(direct_message(5, published, number, message_payload(wire::content<millrace::query>)))
               == refusal::content_not_permitted);
  }
  at_client peer;
  BOOST_TEST(peer.judge(direct_message(9, 5, request_number, message_payload(wire::content<millrace::outcome>)))
             == refusal::content_not_permitted);
}

BOOST_AUTO_TEST_CASE(an_error_carries_a_text_and_a_number_at_most) {
  const auto text = basp_string("why");
  at_client peer;
  const auto judge = [&peer](const std::string& error) { return peer.judge(answer("@<>+@error", error)); };
  BOOST_TEST(judge(error_bytes("@<>+@str", text)) == refusal::none);
  BOOST_TEST(judge(error_bytes("@<>+@str+@i64", text + big_endian(1, 8))) == refusal::none);
  BOOST_TEST(judge(error_bytes("@<>+@strong_actor_ptr", elsewhere)) == refusal::content_not_permitted);
  BOOST_TEST(judge(error_bytes("@<>+@str", text + "x")) == refusal::content_not_permitted);
  BOOST_TEST(judge(error_bytes("@<>+@str+@i64", text)) == refusal::content_not_permitted);
  BOOST_TEST(peer.judge(down_message(there, here, 9, error_bytes("@<>+@message", "x")))
             == refusal::content_not_permitted);
  at_client other;
  BOOST_TEST(other.judge(down_message(there, here, 9, "x")) == refusal::malformed_payload);
}

BOOST_AUTO_TEST_CASE(the_actors_of_a_peer_are_counted_until_they_end) {
  at_server peer{guard_limits{.actors_max = 3}};
  for (const auto actor : {11U, 12U, 13U, 11U, 13U}) {
    BOOST_TEST(peer.judge(request(actor)) == refusal::none);
  }
  BOOST_TEST(peer.guard.actors() == 3U);
  BOOST_TEST(peer.judge(down_message(there, here, 13, error_bytes())) == refusal::none);
  BOOST_TEST(peer.judge(request(13)) == refusal::none);
  BOOST_TEST(peer.judge(request(14)) == refusal::too_many_actors);
}

BOOST_AUTO_TEST_CASE(frames_that_carry_no_request_may_not_flood) {
  const guard_limits few{.control_at_once = 5, .control_per_second = 2};
  for (const auto& flood : {heartbeat(), client_handshake(there), monitor_message(there, here, published),
                            monitor_message(there, here, 99), down_message(there, here, 99, error_bytes()),
                            request(5, "@<>+@exit"), direct_message(5, 99, no_number, message_payload("@<>"))}) {
    at_server peer{few};
    std::size_t taken = 0;
    while (!closes(peer.judge(flood)) && taken < 100) {
      ++taken;
      peer.judge(request());
    }
    BOOST_TEST(taken == 4U); // One was taken by the handshake.
    BOOST_TEST(peer.judge(flood) == refusal::too_many_control_frames);

    at_server slow{few};
    for (int i = 0; i < 100; ++i) {
      BOOST_TEST(!closes(slow.judge(flood)));
      slow.now += 500ms;
    }
  }
}

BOOST_AUTO_TEST_CASE(requests_are_not_counted_as_a_flood) {
  at_server peer{guard_limits{.control_at_once = 1, .control_per_second = 0}};
  for (int i = 0; i < 10'000; ++i) {
    BOOST_REQUIRE(peer.judge(request()) == refusal::none);
  }
}

BOOST_AUTO_TEST_CASE(bytes_that_come_one_by_one_are_judged_as_if_they_came_at_once) {
  const auto all = client_handshake(there) + request() + heartbeat() + request(5, "@<>+@exit") + request(6);
  basp_guard_fixture peer;
  std::string buffer;
  std::string passed;
  std::size_t dropped = 0;
  for (const char one : all) {
    buffer += one;
    const auto decided = peer.guard.look(buffer, peer.now);
    if (decided.what == action::wait) {
      BOOST_TEST(decided.bytes > buffer.size());
      continue;
    }
    BOOST_TEST(decided.bytes == buffer.size());
    if (decided.what == action::pass) {
      passed += buffer;
    }
    dropped += decided.what == action::drop ? 1 : 0;
    buffer.clear();
  }
  BOOST_TEST(passed == client_handshake(there) + request() + heartbeat() + request(6));
  BOOST_TEST(dropped == 1U);
  BOOST_TEST(buffer.empty());
}

BOOST_AUTO_TEST_CASE(every_refusal_has_a_name_and_a_sentence_of_its_own) {
  for (std::size_t i = 0; i < refusals; ++i) {
    const auto one = static_cast<refusal>(i);
    BOOST_TEST(sentence_of(one).ends_with("."));
    for (std::size_t other = 0; other < i; ++other) {
      BOOST_TEST(name_of(one) != name_of(static_cast<refusal>(other)));
    }
  }
  refusal_counts counts;
  counts.add(refusal::idle_timeout);
  BOOST_TEST(counts[refusal::idle_timeout] == 1U);
  BOOST_TEST(counts[refusal::foreign_node] == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
