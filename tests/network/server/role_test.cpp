#include <millrace/actors/client/client.hpp>
#include <millrace/actors/network/guard/basp_guard.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/tests/support/network/basp_frames.hpp>
#include <millrace/tests/support/network/server_fixture.hpp>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;
using wire::role;
using namespace std::chrono_literals;

/// What a server whose port admits one role lets pass.
bool passes(role admitted, std::string_view types) {
  constexpr std::uint64_t published = 7;
  const auto peer = a_node(2, 'T');
  guard_scope scope;
  scope.own_node = as_node(a_node(1, 'H'));
  scope.published_actor = published;
  scope.contents = wire::contents_from(admitted);
  scope.limits.message_bytes_max = 1024;
  basp_guard guard{scope};
  const basp_guard::time_point now{1h};
  BOOST_REQUIRE((guard.look(client_handshake(peer), now).what == basp_guard::action::pass));
  const auto decided = guard.look(direct_message(5, published, request_number, message_payload(types, "values")), now);
  BOOST_TEST((decided.what == basp_guard::action::pass || decided.why == refusal::content_not_permitted));
  return decided.what == basp_guard::action::pass;
}

/// A program that connects by Millrace's own means to a port that admits one role.
struct admitted_program {
  explicit admitted_program(role admitted) : server({}, {}, 0, admitted) {
    auto made = network::connect(system, {.url = "millrace://127.0.0.1:" + std::to_string(server.port())});
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error()));
    engine.emplace(std::move(*made));
    BOOST_REQUIRE(eventually([&] { return engine->connected(); }));
    db.emplace(system, engine->front());
  }

  /// What an order of an operator is answered; `none` where it is carried out.
  errc order() {
    caf::scoped_actor self{system};
    errc code = errc::none;
    self->request(engine->operations(), 20s, quarantine_discard{7})
      .receive([](const outcome&) {}, [&](const caf::error& why) { code = failure_of(why).code; });
    return code;
  }

  served_engine server;
  remote_config config;
  caf::actor_system system{config};
  std::optional<remote_engine> engine;
  std::optional<client> db;
};

template <class Handle>
bool can_connect(const served_engine& server) {
  remote_config config;
  caf::actor_system system{config};
  return static_cast<bool>(system.middleman().remote_actor<Handle>("127.0.0.1", server.port()));
}

} // namespace

BOOST_AUTO_TEST_SUITE(role_suite)

BOOST_AUTO_TEST_CASE(each_role_has_a_name) {
  for (const auto one : {role::read, role::read_write, role::operations}) {
    BOOST_TEST((wire::role_of_name(name(one)) == one));
  }
  BOOST_TEST(!wire::role_of_name("root"));
}

BOOST_AUTO_TEST_CASE(what_a_role_may_not_do_does_not_pass_the_guard) {
  for (const auto types : wire::contents_from(role::operations)) {
    const bool writes = types == "@<>+millrace::transaction" || types == "@<>+millrace::client_id_request";
    const bool operates = types.find("quarantine") != std::string_view::npos
                          || types.find("schema") != std::string_view::npos;
    BOOST_TEST(passes(role::read, types) == (!writes && !operates));
    BOOST_TEST(passes(role::read_write, types) == !operates);
    BOOST_TEST(passes(role::operations, types));
  }
}

BOOST_AUTO_TEST_CASE(a_port_lets_nothing_above_its_role_through) {
  for (const auto& [admitted, types] :
       {std::pair{role::read, "@<>+millrace::transaction"}, std::pair{role::read, "@<>+millrace::quarantine_discard"},
        std::pair{role::read_write, "@<>+millrace::quarantine_discard"}}) {
    const served_engine server{{}, {}, 0, admitted};
    greeted_peer peer{server.port()};
    peer.send(direct_message(5, peer.published, request_number, message_payload(types, "values")));
    BOOST_TEST(eventually([&] { return server.refused(refusal::content_not_permitted) == 1; }), types);
  }
}

BOOST_AUTO_TEST_CASE(a_stock_program_is_not_shown_what_it_may_not_do) {
  const served_engine reading{{}, {}, 0, role::read};
  BOOST_TEST(can_connect<query_actor>(reading));
  BOOST_TEST(!can_connect<engine_actor>(reading));
  const served_engine writing;
  BOOST_TEST(can_connect<query_actor>(writing));
  BOOST_TEST(can_connect<engine_actor>(writing));
  BOOST_TEST(!can_connect<operator_actor>(writing));
  const served_engine operating{{}, {}, 0, role::operations};
  BOOST_TEST(can_connect<engine_actor>(operating));
  BOOST_TEST(can_connect<operations_actor>(operating));
  BOOST_TEST(can_connect<operator_actor>(operating));
}

BOOST_AUTO_TEST_CASE(who_may_only_read_is_told_so_when_it_writes) {
  admitted_program reader{role::read};
  BOOST_TEST(reader.db->query("SELECT 1").has_value());
  BOOST_TEST(reader.db->health().has_value());
  const auto refused = reader.db->execute("DELETE FROM t");
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == errc::wrong_role));
  BOOST_TEST(refused.error().detail.find("\"read-write\"") != std::string::npos, refused.error().detail);
  BOOST_TEST((reader.order() == errc::wrong_role));
  BOOST_TEST(reader.db->query("SELECT 1").has_value());
}

BOOST_AUTO_TEST_CASE(no_query_may_take_longer_than_its_port_allows) {
  served_engine server;
  for (const auto& [at_most, asked, allowed] :
       {std::tuple{30'000ms, 5'000ms, 5'000}, std::tuple{30'000ms, 40'000ms, 30'000}, std::tuple{0ms, 40'000ms, 40'000},
        std::tuple{1ms, std::chrono::milliseconds::max(), 1}, std::tuple{1ms, -1ms, -1}}) {
    const auto port = listener::open(server.system(), {{"127.0.0.1", 0}, role::read_write, {}, {}, at_most},
                                     {server.engine(), {}}, &server.listener());
    BOOST_REQUIRE(port);
    stock_client program{port->port()};
    caf::scoped_actor self{program.system()};
    auto question = select("SELECT 1");
    question.deadline = asked;
    std::vector<std::int64_t> heard;
    const auto hear = [&](const row_set& rows) { heard.push_back(rows[0]["deadline"].as_integer()); };
    const auto hear_page = [&](const row_page& page) { hear(page.rows); };
    const auto none = [](const caf::error&) {};
    self->request(program.server(), 20s, question).receive(hear, none);
    self->request(program.server(), 20s, page_query{.question = question}).receive(hear_page, none);
    self->request(program.server(), 20s, page_cursor{.question = question}).receive(hear_page, none);
    BOOST_TEST(heard == std::vector<std::int64_t>(3, allowed), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(only_operators_overtake_others) {
  for (const auto admitted : {role::read_write, role::operations}) {
    admitted_program program{admitted};
    auto urgent = execute("DELETE FROM t");
    urgent.priority = priority::operations;
    const auto done = program.db->execute(urgent);
    BOOST_REQUIRE_MESSAGE(done, (done ? "" : to_string(done.error())));
    BOOST_TEST(done->results.size() == (admitted == role::operations ? 1u : 0u));
  }
}

BOOST_AUTO_TEST_CASE(who_may_write_is_no_operator) {
  admitted_program writer{role::read_write};
  BOOST_TEST(writer.db->execute("DELETE FROM t").has_value());
  BOOST_TEST((writer.order() == errc::wrong_role));
}

BOOST_AUTO_TEST_CASE(an_operator_may_do_everything_over_one_connection) {
  admitted_program desk{role::operations};
  BOOST_TEST(desk.db->query("SELECT 1").has_value());
  BOOST_TEST(desk.db->execute("DELETE FROM t").has_value());
  BOOST_TEST((desk.order() == errc::none));
  caf::scoped_actor self{desk.system};
  self->request(desk.engine->operations(), 20s, quarantine_list{})
    .receive(
      [](const quarantine_listing& listing) {
        BOOST_REQUIRE(listing.entries.size() == 1U);
        BOOST_TEST(listing.entries[0].seq == 7U);
        BOOST_TEST(listing.entries[0].work.statements.size() == 1U);
      },
      [](const caf::error& why) { BOOST_FAIL(caf::to_string(why)); });
}

BOOST_AUTO_TEST_SUITE_END()
