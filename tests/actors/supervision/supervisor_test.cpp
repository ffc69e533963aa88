#include <millrace/actors/supervision/supervisor.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace std::chrono_literals;

namespace {

struct test_config : system_config {
  test_config() { set("scheduler.policy", caf::atom("testing")); }
};

/// A supervisor over children that do nothing, on virtual time.
struct supervisor_fixture {
  test_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::map<std::string, caf::actor> addresses;
  std::vector<std::string> starts; ///< In order.
  std::vector<std::string> escalations;
  supervisor_actor root;

  ~supervisor_fixture() {
    if (root) {
      caf::anon_send_exit(root, caf::exit_reason::kill);
    }
    scheduler.run();
  }

  child_spec child(const std::string& id, restart_policy policy = restart_policy::permanent) {
    return {.id = id,
            .start =
              [this, id] {
                starts.push_back(id);
                return system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
              },
            .policy = policy,
            .on_change = [this, id](const caf::actor& address) { addresses[id] = address; }};
  }

  void run(std::vector<child_spec> children, supervisor_options settings) {
    settings.on_escalation = [this](const std::string& why) { escalations.push_back(why); };
    root = system.spawn(supervisor, std::move(children), settings);
    scheduler.run();
  }

  void kill(const std::string& id, caf::exit_reason reason = caf::exit_reason::kill) {
    caf::anon_send_exit(addresses.at(id), reason);
    scheduler.run();
  }

  /// Lets virtual time pass in steps, so that delays set off by delays pass too.
  void pass(caf::timespan time) {
    const caf::timespan step = 1ms;
    for (caf::timespan gone{0}; gone < time; gone += step) {
      scheduler.advance_time(step);
      scheduler.run();
    }
  }

  bool runs(const std::string& id) { return static_cast<bool>(addresses[id]); }

  bool ended(const caf::actor& child) {
    auto down = false;
    const auto watcher = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->set_down_handler([&down](const caf::down_msg&) { down = true; });
      self->monitor(child);
      return {[](int) {}};
    });
    scheduler.run();
    caf::anon_send_exit(watcher, caf::exit_reason::kill);
    scheduler.run();
    return down;
  }
};

using list = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(supervisor_suite, supervisor_fixture)

BOOST_AUTO_TEST_CASE(children_start_in_order) {
  run({child("a"), child("b"), child("c")}, {});
  BOOST_TEST((starts == list{"a", "b", "c"}));
}

BOOST_AUTO_TEST_CASE(one_for_one_restarts_the_child_alone) {
  run({child("a"), child("b"), child("c")}, {});
  kill("b");
  BOOST_TEST(!runs("b"));
  pass(2ms);
  BOOST_TEST((starts == list{"a", "b", "c", "b"}));
  BOOST_TEST(runs("b"));
}

BOOST_AUTO_TEST_CASE(rest_for_one_restarts_those_after_it_too_and_in_order) {
  run({child("a"), child("b"), child("c")}, {.strategy = restart_strategy::rest_for_one});
  kill("b");
  pass(2ms);
  BOOST_TEST((starts == list{"a", "b", "c", "b", "c"}));
  kill("c");
  pass(2ms);
  BOOST_TEST((starts == list{"a", "b", "c", "b", "c", "c"}));
}

BOOST_AUTO_TEST_CASE(rest_for_one_starts_nothing_before_what_it_builds_on) {
  run({child("a"), child("b")}, {.strategy = restart_strategy::rest_for_one});
  for (int i = 0; i < 6; ++i) { // So that the delays of both have grown apart.
    caf::anon_send_exit(addresses.at("b"), caf::exit_reason::kill);
    caf::anon_send_exit(addresses.at("a"), caf::exit_reason::kill);
    scheduler.run();
    pass(1500ms);
    BOOST_TEST(runs("a"));
    BOOST_TEST(runs("b"));
    const list last{starts.end() - 2, starts.end()};
    BOOST_TEST((last == list{"a", "b"}));
  }
}

BOOST_AUTO_TEST_CASE(restarts_are_delayed_more_and_more_and_fall_back_after_a_quiet_period) {
  run({child("a")}, {.intensity = {.restarts_max = 100}, .delay = {100ms, 1s}});
  kill("a");
  pass(2ms);
  BOOST_TEST(runs("a")); // The first is immediate.
  kill("a");
  pass(60ms);
  BOOST_TEST(!runs("a")); // The second waits 100 to 200 ms.
  pass(200ms);
  BOOST_TEST(runs("a"));
  kill("a");
  pass(150ms);
  BOOST_TEST(!runs("a")); // The third 200 to 400 ms.
  pass(300ms);
  BOOST_TEST(runs("a"));
  pass(6s);
  kill("a");
  pass(2ms);
  BOOST_TEST(runs("a"));
}

BOOST_AUTO_TEST_CASE(a_transient_child_is_restarted_only_after_an_error) {
  run({child("a", restart_policy::transient)}, {});
  kill("a");
  pass(2ms);
  BOOST_TEST(runs("a"));
  kill("a", caf::exit_reason::normal);
  pass(5s);
  BOOST_TEST(runs("a")); // A normal exit message ends nobody in CAF.
  caf::anon_send_exit(addresses.at("a"), caf::exit_reason::user_shutdown);
  scheduler.run();
  pass(5s);
  BOOST_TEST(runs("a"));
}

BOOST_AUTO_TEST_CASE(a_temporary_child_is_never_restarted) {
  run({child("a", restart_policy::temporary)}, {});
  kill("a");
  pass(5s);
  BOOST_TEST(!runs("a"));
  BOOST_TEST(escalations.empty());
}

BOOST_AUTO_TEST_CASE(too_many_restarts_escalate_and_end_the_supervisor_with_its_children) {
  run({child("a"), child("b")}, {.intensity = {.restarts_max = 3, .period = 60s}});
  for (int i = 0; i < 3; ++i) {
    kill("a");
    pass(2s);
    BOOST_TEST(escalations.empty());
  }
  kill("a");
  pass(2s);
  BOOST_REQUIRE_EQUAL(escalations.size(), 1);
  BOOST_TEST(escalations.front().find("a ended again") == 0);
  BOOST_TEST(!runs("a"));
  BOOST_TEST(!runs("b"));
}

BOOST_AUTO_TEST_CASE(a_child_that_cannot_be_started_escalates_and_ends_the_supervisor_with_its_children) {
  auto scarce = child("a");
  scarce.start = [this, start = scarce.start] {
    if (!starts.empty()) {
      throw std::runtime_error{"no thread for it"};
    }
    return start();
  };
  run({std::move(scarce), child("b")}, {});
  kill("a");
  pass(2ms);
  BOOST_REQUIRE_EQUAL(escalations.size(), 1);
  BOOST_TEST(escalations.front() == "a supervisor ended: no thread for it");
  BOOST_TEST(ended(addresses.at("b")));
}

BOOST_AUTO_TEST_CASE(restarts_spread_over_more_than_the_period_do_not_escalate) {
  run({child("a")}, {.intensity = {.restarts_max = 3, .period = 5s}});
  for (int i = 0; i < 12; ++i) {
    kill("a");
    pass(6s);
  }
  BOOST_TEST(escalations.empty());
  BOOST_TEST(runs("a"));
}

BOOST_AUTO_TEST_CASE(stopping_ends_the_children_in_reverse_order_and_answers) {
  list ended;
  auto watched = [&](const std::string& id) {
    auto spec = child(id);
    spec.on_change = [&ended, id](const caf::actor& address) {
      if (!address) {
        ended.push_back(id);
      }
    };
    return spec;
  };
  run({watched("a"), watched("b"), watched("c")}, {});
  auto answered = false;
  auto asker = system.spawn([&, target = root](caf::event_based_actor* self) {
    self->request(target, 10s, atom::stop::value).then([&](atom::stop) { answered = true; });
  });
  scheduler.run();
  BOOST_TEST(answered);
  BOOST_TEST((ended == list{"c", "b", "a"}));
  root = nullptr;
}

BOOST_AUTO_TEST_CASE(a_child_that_does_not_end_in_time_is_killed) {
  child_spec stubborn{.id = "stubborn", .start = [this] {
                        return system.spawn([](caf::event_based_actor* self) -> caf::behavior {
                          self->set_exit_handler([](const caf::exit_msg&) {});
                          return {[](int) {}};
                        });
                      }};
  auto gone = false;
  stubborn.on_change = [&gone](const caf::actor& address) { gone = !address; };
  run({std::move(stubborn)}, {.stop_deadline = 100ms});
  caf::anon_send(root, atom::stop::value);
  scheduler.run();
  BOOST_TEST(!gone);
  pass(200ms);
  BOOST_TEST(gone);
  root = nullptr;
}

BOOST_AUTO_TEST_CASE(killing_the_supervisor_takes_its_children_along) {
  std::vector<caf::actor> children;
  auto spec = child("a");
  spec.on_change = [&](const caf::actor& address) { children.push_back(address); };
  run({std::move(spec)}, {});
  BOOST_REQUIRE_EQUAL(children.size(), 1);
  caf::anon_send_exit(root, caf::exit_reason::kill);
  scheduler.run();
  BOOST_TEST(ended(children.front()));
  root = nullptr;
}

BOOST_AUTO_TEST_SUITE_END()
