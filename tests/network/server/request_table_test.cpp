/// That everything which lets messages through agrees with the table of requests.

#include <millrace/actors/network/remote/remote_front.hpp>
#include <millrace/actors/network/remote/session.hpp>
#include <millrace/actors/network/server/gate.hpp>
#include <millrace/tests/support/network/server_fixture.hpp>

#include <algorithm>
#include <span>
#include <string_view>

#include <caf/event_based_actor.hpp>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;
using namespace std::chrono_literals;
using wire::role;

bool holds(std::span<const std::string_view> contents, std::string_view one) {
  return std::ranges::count(contents, one) == 1;
}

template <class Actor, class Row>
constexpr bool answers = caf::detail::tl_contains<typename Actor::signatures, typename Row::signature>::value;

template <class Row>
constexpr bool in_its_interfaces = answers<query_actor, Row> == (Row::least == role::read)
                                   && answers<engine_actor, Row> == (Row::least <= role::read_write)
                                   && answers<operations_actor, Row> == (Row::least == role::operations)
                                   && answers<operator_actor, Row>;

template <class... Rows>
constexpr bool all_in_their_interfaces(wire::table<Rows...>) {
  return (in_its_interfaces<Rows> && ...);
}
static_assert(all_in_their_interfaces(wire::requests{}));

/// Those who serve, and what is asked of whom.
struct request_table_fixture {
  ~request_table_fixture() {
    caf::anon_send_exit(engine, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(operations, caf::exit_reason::user_shutdown);
  }

  /// What a request is answered with; `none` where it is answered as its row says.
  template <class Row>
  failure asked(const caf::actor& whom) {
    failure why;
    caf::scoped_actor self{system};
    self->request(whom, 20s, typename Row::request{})
      .receive([](const typename Row::answer&) {}, [&](const caf::error& error) { why = failure_of(error); });
    return why;
  }

  /// Calls `check` for each row of the table.
  template <class F, class... Rows>
  static void for_each_row(F check, wire::table<Rows...>) {
    (check(Rows{}), ...);
  }
  template <class F>
  static void for_each_row(F check) {
    for_each_row(check, wire::requests{});
  }

  caf::actor a_gate(role admits, bool with_operations) {
    const auto book = std::make_shared<connection_book>(connection_limits{});
    const served_actors served{engine, with_operations ? operations : operations_actor{}};
    return caf::actor_cast<caf::actor>(spawn_gate(system, served, {admits}, book));
  }

  /// One that has been welcomed as told by a server that answers everything.
  caf::actor a_session(wire::welcome said) {
    auto server = system.spawn([said, to = a_gate(role::operations, true)](caf::event_based_actor* self) {
      self->set_default_handler([to](caf::scheduled_actor* served, caf::message_view&) -> caf::result<caf::message> {
        auto* asked = served->current_mailbox_element();
        to->enqueue(std::move(asked->sender), asked->mid, asked->move_content_to_message(), nullptr);
        return caf::delegated<caf::message>{};
      });
      return caf::behavior{[said](const wire::hello&) { return said; }};
    });
    caf::scoped_actor link{system};
    const auto made = spawn_session(
      system, {caf::actor_cast<operator_actor>(server), caf::actor_cast<welcome_listener>(link.ptr()),
               std::make_shared<subscriber_list>(), 60s, 48'000'000, [] {}});
    link->receive([](const wire::welcome&) {});
    return caf::actor_cast<caf::actor>(made);
  }

  system_config config;
  caf::actor_system system{config};
  engine_actor engine = spawn_fake_engine(system);
  operations_actor operations = spawn_fake_operations(system);
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(request_table, request_table_fixture)

BOOST_AUTO_TEST_CASE(the_guards_lists_have_what_each_role_may_ask_and_every_answer) {
  for_each_row([]<class Row>(Row) {
    for (const auto granted : {role::read, role::read_write, role::operations}) {
      BOOST_TEST(holds(wire::contents_from(granted), wire::content<typename Row::request>) == (Row::least <= granted));
    }
    BOOST_TEST(holds(wire::contents_from_server(), wire::content<typename Row::answer>));
  });
  for (const auto* event : {"@<>+@error", "@<>+millrace::health_changed", "@<>+millrace::breaker_changed"}) {
    BOOST_TEST(holds(wire::contents_from_server(), event));
    BOOST_TEST(!holds(wire::contents_from(role::operations), event));
  }
}

BOOST_AUTO_TEST_CASE(the_gate_passes_each_request_to_whom_its_role_names) {
  const auto both = a_gate(role::operations, true);
  const auto alone = a_gate(role::read_write, false);
  for_each_row([&]<class Row>(Row) {
    BOOST_TEST((asked<Row>(both).code == errc::none), wire::content<typename Row::request>);
    BOOST_TEST((asked<Row>(alone).code == errc::none) == (Row::least < role::operations));
  });
}

BOOST_AUTO_TEST_CASE(the_remote_front_takes_every_request_and_nothing_else) {
  const auto made = spawn_remote_front(system);
  const auto front = caf::actor_cast<caf::actor>(made.handle);
  for_each_row([&]<class Row>(Row) {
    BOOST_TEST((asked<Row>(front).code == errc::unavailable), wire::content<typename Row::request>);
  });
  caf::scoped_actor self{system};
  self->request(front, 20s, wire::hello{})
    .receive([](const wire::welcome&) { BOOST_FAIL("it is no request"); },
             [](const caf::error& why) { BOOST_TEST((why == caf::sec::unexpected_message)); });
}

BOOST_AUTO_TEST_CASE(a_session_asks_what_its_role_allows) {
  for (const auto granted : {role::read, role::read_write, role::operations}) {
    const auto session = a_session({wire::spoken.newest, granted});
    for_each_row([&]<class Row>(Row) {
      BOOST_TEST((asked<Row>(session).code == (Row::least <= granted ? errc::none : errc::wrong_role)),
                 wire::content<typename Row::request>);
    });
    caf::anon_send_exit(session, caf::exit_reason::user_shutdown);
  }
}

BOOST_AUTO_TEST_CASE(what_a_server_does_not_know_yet_is_not_asked) {
  const wire::welcome said{.version = 1, .granted = role::read};
  BOOST_TEST(!obstacle(said, role::read, 1));
  const auto newer = obstacle(said, role::read, 2);
  BOOST_REQUIRE(newer);
  BOOST_TEST((newer->code == errc::version_mismatch));
  BOOST_TEST(newer->detail == "the server speaks wire version 1, and this takes 2; use a newer server");
  BOOST_TEST((obstacle(said, role::read_write, 1)->code == errc::wrong_role));
}

BOOST_AUTO_TEST_SUITE_END()
