#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/actors/load_clients.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/first_cell.hpp>

#include <array>
#include <map>
#include <random>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

struct load_fixture : engine_fixture {
  load_fixture() { settings.write.checkpoint_pages = 200; }

  /// Kills so many actors in all, one or several at a time, at random moments. Gives the kills of each.
  std::map<std::string, std::uint64_t> kill_at_random(std::uint64_t times, std::mt19937_64& random) {
    const std::array<std::string, 5> ids{"queue", "writer", "reader-1", "reader-2", "monitor"};
    std::map<std::string, std::uint64_t> kills;
    std::map<std::string, caf::actor> killed;
    for (std::uint64_t done = 0; done < times;) {
      const auto chosen = random() % 4 == 0 ? 0b11111 : 1u << random() % ids.size();
      for (std::size_t i = 0; i < ids.size() && done < times; ++i) {
        const auto victim = (chosen >> i & 1) != 0 ? tested->child(ids[i]) : caf::actor{};
        if (victim && victim != killed[ids[i]]) {
          caf::anon_send_exit(victim, caf::exit_reason::kill);
          killed[ids[i]] = victim;
          ++kills[ids[i]];
          ++done;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{random() % 60});
    }
    return kills;
  }

  /// Locks the database under a load that is well on its way, and waits until the engine says that it suffers.
  void lock_under(const load_run& run, plain_connection& other) {
    BOOST_REQUIRE(eventually([&] { return run.acknowledged > 2'000; }));
    other.execute("BEGIN IMMEDIATE");
    BOOST_REQUIRE(eventually([&] { return (*connect().health()).state == health_state::degraded; }));
  }
};

} // namespace

/// A thousand client actors with real threads, while things break. Each client writes in order and reads its own
/// writes; afterwards the table must hold what the clients were told.
BOOST_FIXTURE_TEST_SUITE(load_suite, load_fixture)

BOOST_AUTO_TEST_CASE(a_thousand_clients_write_and_read_their_own_writes) {
  open(load_schema);
  load_run run{system, tested->front(), {.clients = 1'000, .transactions_each = 6}};
  run.wait();
  BOOST_TEST(run.acknowledged == 6'000);
  BOOST_TEST(run.own_reads == 6'000);
  BOOST_TEST(run.unknown == 0);
  check_invariants(run, system, tested->front());
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_or_doubled_while_actors_are_killed_at_random) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const auto times = from_environment("MILLRACE_TEST_KILLS", 200);
  BOOST_TEST_MESSAGE("replay with MILLRACE_TEST_SEED=" << seed);
  BOOST_TEST_INFO_SCOPE("MILLRACE_TEST_SEED=" << seed);
  std::mt19937_64 random{seed};
  settings.restarts.restarts_max = 100'000;
  open(load_schema);
  load_run run{system, tested->front(), {.clients = 1'000, .pause = 50ms}};
  const auto kills = kill_at_random(times, random);
  for (const auto& killed : kills) {
    BOOST_TEST(
      eventually([&] { return tested->restarts(killed.first) >= killed.second && tested->child(killed.first); }));
  }
  BOOST_TEST(becomes(health_state::healthy));
  run.stop();
  BOOST_TEST(run.acknowledged > 1'000);
  BOOST_TEST_MESSAGE(run.acknowledged << " acknowledged, " << run.unknown << " unknown, " << run.refused
                                      << " refused for a while, " << run.own_reads << " own writes read");
  check_invariants(run, system, tested->front());
  BOOST_TEST(eventually([&] { return (*connect().health()).inflight_transactions == 0; }));
  open();
  check_invariants(run, system, tested->front());
  BOOST_TEST(escalations.empty());
}

BOOST_AUTO_TEST_CASE(a_foreign_lock_delays_work_and_loses_none) {
  const std::chrono::seconds hold{from_environment("MILLRACE_TEST_LOCK_SECONDS", 3)};
  settings.admission.inflight_transactions_max = 500;
  settings.write.window_bytes_max = 16 * 1024; // So that much is read back from the log.
  open(load_schema);
  plain_connection other{database()};
  load_run run{system, tested->front(), {.clients = 1'000, .pause = 1ms}};
  BOOST_REQUIRE(eventually([&] { return run.acknowledged > 2'000; }));
  other.execute("BEGIN IMMEDIATE");
  auto db = connect();
  const auto blames_the_lock = [](const std::string& reason) {
    return reason.find("Another process holds the database's lock") != std::string::npos;
  };
  BOOST_TEST(eventually([&] {
    const auto seen = *db.health();
    return seen.state == health_state::degraded && std::ranges::any_of(seen.reasons, blames_the_lock)
           && run.overloaded > 0;
  }));
  std::this_thread::sleep_for(hold);
  const auto held = *db.health();
  BOOST_TEST(held.durable_seq > held.applied_seq);
  BOOST_TEST(held.inflight_transactions <= settings.admission.inflight_transactions_max);
  BOOST_TEST(db.query("SELECT count(*) FROM entry").has_value()); // Readers go on.
  other.execute("COMMIT");
  const auto before = run.acknowledged.load();
  BOOST_TEST(eventually([&] { return run.acknowledged > before + 5'000; }));
  run.stop();
  BOOST_TEST(becomes(health_state::healthy));
  BOOST_TEST(run.unknown == 0);
  BOOST_TEST(run.refused == 0);
  check_invariants(run, system, tested->front());
  BOOST_TEST(tested->restarts("writer") == 0);
}

BOOST_AUTO_TEST_CASE(closing_under_load_drains_and_answers_everybody) {
  open(load_schema);
  load_run run{system, tested->front(), {.clients = 1'000}};
  BOOST_REQUIRE(eventually([&] { return run.acknowledged > 5'000; }));
  tested->close();
  run.wait();                   // Nobody tells them to stop but the engine.
  BOOST_TEST(run.unknown == 0); // All that was accepted was drained.
  open();
  BOOST_TEST(tested->recovery().transactions == 0);
  check_invariants(run, system, tested->front());
}

BOOST_AUTO_TEST_CASE(closing_while_the_database_is_locked_answers_everybody_and_keeps_what_was_acknowledged) {
  settings.drain_deadline = 200ms;
  open(load_schema);
  plain_connection other{database()};
  load_run run{system, tested->front(), {.clients = 1'000}};
  lock_under(run, other);
  tested->close();
  run.wait();
  BOOST_TEST(run.unknown > 0); // Those that waited for the lock.
  other.execute("COMMIT");
  open();
  BOOST_TEST(tested->recovery().transactions > 0);
  check_invariants(run, system, tested->front());
}

BOOST_AUTO_TEST_CASE(closing_waits_for_what_was_accepted_when_the_lock_goes_in_time) {
  open(load_schema);
  plain_connection other{database()};
  load_run run{system, tested->front(), {.clients = 1'000}};
  lock_under(run, other);
  std::thread releases{[&] {
    auto db = connect();
    eventually([&] {
      const auto rows = db.query("SELECT 1");
      return !rows && rows.error().code == errc::shutting_down;
    });
    other.execute("COMMIT");
  }};
  tested->close();
  releases.join();
  run.wait();
  BOOST_TEST(run.unknown == 0);
  open();
  BOOST_TEST(tested->recovery().transactions == 0);
  check_invariants(run, system, tested->front());
}

BOOST_AUTO_TEST_CASE(too_many_restarts_escalate) {
  settings.restarts.restarts_max = 2;
  open(load_schema);
  BOOST_REQUIRE(connect().execute("INSERT INTO entry(client, number) VALUES (0, 1)"));
  kill("writer");
  kill("writer");
  BOOST_TEST(escalations.empty());
  caf::anon_send_exit(tested->child("writer"), caf::exit_reason::kill);
  BOOST_TEST(eventually([&] {
    const std::lock_guard lock{mutex};
    return !escalations.empty();
  }));
  {
    const std::lock_guard lock{mutex};
    BOOST_REQUIRE_EQUAL(escalations.size(), 1);
    BOOST_TEST(escalations.front().starts_with("writer ended again"));
  }
  open();
  BOOST_TEST(first_cell(*connect().query("SELECT count(*) FROM entry")).as_integer() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
