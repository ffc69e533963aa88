#include <millrace/actors/supervision/supervisor.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

using list = std::vector<std::string>;

/// A supervisor below a supervisor.
struct nesting_fixture : actor_fixture {
  list ended; ///< In order.
  supervisor_actor root;
  bool stubborn = false; ///< Whether the inner child ignores what asks it to end, short of a kill.

  nesting_fixture() {
    child_spec outer{.id = "outer", .start = [this] { return spawn_inner_supervisor(); }};
    outer.is_supervisor = true;
    outer.on_change = note("outer");
    root = track(system.spawn(supervisor, std::vector<child_spec>{outer}, supervisor_options{.stop_deadline = 100ms}));
  }

  ~nesting_fixture() { end_all(); }

  std::function<void(const caf::actor&)> note(const std::string& id) {
    return [this, id](const caf::actor& address) {
      if (!address) {
        ended.push_back(id);
      }
    };
  }

  caf::actor spawn_inner_supervisor() {
    child_spec inner{.id = "inner", .start = [this] {
                       return system.spawn([this](caf::event_based_actor* self) -> caf::behavior {
                         if (stubborn) {
                           self->set_exit_handler([](const caf::exit_msg&) {});
                         }
                         return {[](int) {}};
                       });
                     }};
    inner.on_change = note("inner");
    return caf::actor_cast<caf::actor>(
      system.spawn(supervisor, std::vector<child_spec>{inner}, supervisor_options{.stop_deadline = 1s}));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(supervisor_nesting_suite, nesting_fixture)

BOOST_AUTO_TEST_CASE(a_supervisor_that_is_told_to_end_ends_after_its_children) {
  scheduler.run();
  const auto stopped = ask<atom::stop>(root, atom::stop::value);
  scheduler.run();
  BOOST_TEST(stopped->count == 1);
  BOOST_TEST((ended == list{"inner", "outer"}));
}

BOOST_AUTO_TEST_CASE(a_supervisor_is_waited_for_while_its_children_take_their_time) {
  stubborn = true;
  scheduler.run();
  const auto stopped = ask<atom::stop>(root, atom::stop::value);
  scheduler.run();
  pass(900ms); // The outer deadline is long over.
  BOOST_TEST(ended.empty());
  BOOST_TEST(stopped->count == 0);
  pass(200ms);
  BOOST_TEST((ended == list{"inner", "outer"}));
  BOOST_TEST(stopped->count == 1);
}

BOOST_AUTO_TEST_SUITE_END()
