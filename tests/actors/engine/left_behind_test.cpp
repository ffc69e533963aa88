#include <millrace/actors/base/actor_system.hpp>
#include <millrace/actors/client/async_client.hpp>
#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/tests/support/log_listener.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <deque>
#include <future>
#include <optional>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <caf/scoped_actor.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

/// Each of these keeps an actor system of CAF's from ending.
struct left_behind_fixture {
  temporary_folder folder;
  log_listener log;
  std::optional<actor_system> system{std::in_place};

  engine open_engine() {
    options settings;
    settings.data = folder.path() / "data";
    settings.create_if_missing = true;
    settings.scripts = {{"0001", "CREATE TABLE t(n INTEGER)"}};
    return millrace::open(*system, settings).value();
  }

  bool named(const std::string& what) const {
    return log.has(what + " was still there when its actor system was destroyed");
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(left_behind_suite, left_behind_fixture)

BOOST_AUTO_TEST_CASE(an_engine_that_outlives_its_system_is_closed_and_named) {
  std::optional<engine> left = open_engine();
  BOOST_REQUIRE(client(*system, left->front()).execute("INSERT INTO t VALUES (1)"));
  system.reset();
  BOOST_TEST(named("an engine"));
  left.reset();
  system.emplace(); // Nothing was lost.
  const auto again = open_engine();
  BOOST_TEST((*client(*system, again.front()).query("SELECT n FROM t")).size() == 1);
}

BOOST_AUTO_TEST_CASE(a_client_that_outlives_its_system_is_named_and_answers_an_error) {
  auto engine = std::optional{open_engine()};
  client left{*system, engine->front()};
  engine.reset();
  system.reset();
  BOOST_TEST(named("a client"));
  BOOST_TEST(left.query("SELECT 1").error().code == errc::shutting_down);
}

BOOST_AUTO_TEST_CASE(a_courier_that_nobody_ended_is_ended_and_named) {
  auto engine = std::optional{open_engine()};
  auto left = spawn_courier(*system, engine->front());
  {
    caf::scoped_actor self{*system};
    self->request(left, std::chrono::seconds{60}, select("SELECT 1"))
      .receive([](const row_set& rows) { BOOST_TEST(rows.size() == 1); },
               [](const caf::error& why) { BOOST_ERROR(to_string(failure_of(why))); });
  }
  engine.reset();
  system.reset();
  BOOST_TEST(named("a courier"));
}

BOOST_AUTO_TEST_CASE(an_async_client_that_outlives_its_system_is_named_and_answers_an_error) {
  auto engine = std::optional{open_engine()};
  async_client left{*system, engine->front()};
  BOOST_TEST(left.query("SELECT 1").get().has_value());
  engine.reset();
  system.reset();
  BOOST_TEST(named("an async_client"));
  BOOST_TEST(left.execute("x").get().error().code == errc::shutting_down);
}

BOOST_AUTO_TEST_CASE(what_ended_in_time_is_not_named) {
  auto engine = std::optional{open_engine()};
  std::deque<async_client> many;
  std::vector<std::future<expected<row_set>>> answers;
  for (int i = 0; i < 200; ++i) {
    answers.push_back(many.emplace_back(*system, engine->front()).query("SELECT 1"));
  }
  for (auto& one : answers) {
    BOOST_TEST(one.get().has_value());
  }
  BOOST_TEST(client(*system, engine->front()).query("SELECT 1").has_value());
  engine.reset();
  many.clear(); // Their couriers end in a moment.
  system.reset();
  BOOST_TEST(!log.has("was still there"));
}

BOOST_AUTO_TEST_SUITE_END()
