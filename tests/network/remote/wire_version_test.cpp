/// How two programs agree on a wire version, and what both say where they do not.

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/network/connection/connection_book.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/tests/support/log_listener.hpp>
#include <millrace/tests/support/network/server_fixture.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/event_based_actor.hpp>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;
using namespace std::chrono_literals;

constexpr std::uint32_t future = wire::spoken.newest + 1;

/// A server that is no Millrace of this release: a stock node that publishes an actor.
class other_server {
public:
  explicit other_server(const std::function<caf::behavior(caf::event_based_actor*)>& behaves)
    : published_(system_.spawn(behaves)) {
    const auto port = system_.middleman().publish(published_, 0, "127.0.0.1");
    BOOST_REQUIRE_MESSAGE(port, caf::to_string(port ? caf::error{} : port.error()));
    port_ = *port;
  }
  ~other_server() {
    system_.middleman().unpublish(published_, port_);
    caf::anon_send_exit(published_, caf::exit_reason::user_shutdown);
  }
  std::string url() const { return "millrace://127.0.0.1:" + std::to_string(port_); }

private:
  remote_config config_;
  caf::actor_system system_{config_};
  caf::actor published_;
  std::uint16_t port_ = 0;
};

struct old_program {
  failure refused_by(const other_server& server) {
    const auto engine = network::connect(system, {.url = server.url(), .reconnect_first = 10ms, .reconnect_cap = 50ms});
    BOOST_REQUIRE_MESSAGE(engine, (engine ? "" : engine.error()));
    client db{system, engine->front(), 2s};
    failure why;
    // Before the server has been heard there is another obstacle, which may pass.
    eventually([&] {
      const auto done = db.query("SELECT 1");
      BOOST_REQUIRE(!done);
      why = done.error();
      return why.detail.find("no connection yet") == std::string::npos;
    });
    BOOST_TEST(!engine->connected());
    return why;
  }

  /// What a request is answered with.
  template <class Answer, class Request>
  static failure answered(stock_client& program, Request request) {
    failure why;
    caf::scoped_actor self{program.system()};
    self->request(caf::actor_cast<caf::actor>(program.server()), 20s, std::move(request))
      .receive([](const Answer&) {}, [&](const caf::error& error) { why = failure_of(error); });
    return why;
  }

  log_listener log; ///< Before the system, and after it.
  remote_config config;
  caf::actor_system system{config};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(wire_version, old_program)

BOOST_AUTO_TEST_CASE(a_program_of_another_version_is_answered_a_sentence_and_named_in_the_servers_log) {
  served_engine server;
  stock_client newer{server.port()};
  stock_client silent{server.port()};
  const auto told = answered<wire::welcome>(newer, wire::hello{{future, future + 1}});
  const auto refused = answered<row_set>(newer, select("SELECT 1"));
  for (const auto& why : {told, refused}) {
    BOOST_TEST((why.code == errc::version_mismatch));
    BOOST_TEST(why.detail
               == "the server speaks wire version 1 to 3, this program 4 to 5; use an older program or a newer server");
  }
  BOOST_TEST(server.refused(refusal::wire_version) == 1U);
  BOOST_TEST(log.has("127.0.0.1: The peer speaks no version of the messages"));
  BOOST_TEST(log.has("(wire_version, it speaks versions 4 to 5, this server versions 1 to 3)"));
  BOOST_TEST(silent.served());
}

BOOST_AUTO_TEST_CASE(a_program_that_is_gone_is_forgotten) {
  connection_book book{{}};
  const node_bytes node{1, 2, 3};
  book.introduce(node, "127.0.0.1");
  book.refuse_version(node, {errc::version_mismatch, "newer"}, "");
  BOOST_TEST(book.any_version_refused());
  BOOST_TEST(book.version_refused(node).value().detail == "newer");
  book.forget(node);
  BOOST_TEST(!book.any_version_refused());
  BOOST_TEST(!book.version_refused(node));
}

BOOST_AUTO_TEST_CASE(the_server_says_what_is_spoken_and_what_may_be_done) {
  served_engine server;
  stock_client program{server.port()};
  caf::scoped_actor self{program.system()};
  self->request(caf::actor_cast<caf::actor>(program.server()), 20s, wire::hello{{1, future}})
    .receive(
      [](const wire::welcome& said) {
        BOOST_TEST((said == wire::welcome{wire::spoken.newest, wire::role::read_write}));
      },
      [](const caf::error& why) { BOOST_FAIL(caf::to_string(why)); });
}

BOOST_AUTO_TEST_CASE(a_server_of_another_version_is_a_sentence_for_whoever_asks_and_in_the_log) {
  const auto why = refused_by(other_server{[](caf::event_based_actor*) -> caf::behavior {
    return {[](const wire::hello& heard) -> caf::error {
      return to_error(wire::mismatch({future, future}, heard.speaks));
    }};
  }});
  BOOST_TEST((why.code == errc::version_mismatch));
  const std::string sentence = "the server speaks wire version 4, this program 1 to 3; use a newer program";
  BOOST_TEST(why.detail.ends_with(sentence), why.detail);
  BOOST_TEST(log.has(sentence));
}

BOOST_AUTO_TEST_CASE(a_server_of_version_1_issues_no_ids_and_serves_what_has_a_name) {
  const other_server old{[](caf::event_based_actor*) -> caf::behavior {
    return {[](const wire::hello&) {
              return wire::welcome{1, wire::role::read_write};
            },
            [](const health_request&) { return health_report{}; },
            [](const transaction&) { return outcome{.seq = 7, .results = {}}; }};
  }};
  const auto engine = network::connect(system, {.url = old.url(), .reconnect_first = 10ms, .reconnect_cap = 50ms});
  BOOST_REQUIRE(engine);
  BOOST_REQUIRE(eventually([&] { return engine->connected(); }));
  client db{system, engine->front(), 5s};
  const auto nameless = db.execute("DELETE FROM t");
  BOOST_REQUIRE(!nameless);
  BOOST_TEST((nameless.error().code == errc::version_mismatch));
  BOOST_TEST(nameless.error().detail == "the server speaks wire version 1, and this takes 2; use a newer server");
  auto named = execute("DELETE FROM t");
  named.name = {uuid{1}, 1};
  BOOST_TEST(db.execute(named).has_value());
}

BOOST_AUTO_TEST_CASE(an_engine_elsewhere_issues_ids) {
  served_engine server;
  const auto engine = network::connect(
    system,
    {.url = "millrace://127.0.0.1:" + std::to_string(server.port()), .reconnect_first = 10ms, .reconnect_cap = 50ms});
  BOOST_REQUIRE(engine);
  client db{system, engine->front(), 20s};
  BOOST_TEST(db.execute("DELETE FROM t").has_value());
  const auto issued = db.issue_id();
  BOOST_REQUIRE(issued);
  BOOST_TEST(issued_at_seq(issued->id) == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_that_chooses_a_version_not_spoken_here_is_left) {
  const auto why = refused_by(other_server{[](caf::event_based_actor*) -> caf::behavior {
    return {[](const wire::hello&) { return wire::welcome{future, wire::role::read}; }};
  }});
  BOOST_TEST((why.code == errc::version_mismatch));
}

BOOST_AUTO_TEST_CASE(a_server_that_is_no_engine_is_said_to_be_none) {
  const auto why = refused_by(other_server{[](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    return {[](int) {}};
  }});
  BOOST_TEST((why.code == errc::unavailable));
  BOOST_TEST(why.detail.ends_with("the server is no Millrace engine"), why.detail);
}

BOOST_AUTO_TEST_SUITE_END()
