#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/first_cell.hpp>

#include <atomic>

#include <caf/event_based_actor.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

constexpr auto one_column = "CREATE TABLE t(n INTEGER)";

transaction insert_one(int n, ack acknowledgement = ack::durable) {
  auto work = execute("INSERT INTO t VALUES (?1)", n);
  work.acknowledgement = acknowledgement;
  return work;
}

} // namespace

/// What the engine does while another process holds the database's lock.
BOOST_FIXTURE_TEST_SUITE(engine_lock_suite, engine_fixture)

BOOST_AUTO_TEST_CASE(durable_writes_and_reads_go_on_under_a_foreign_lock) {
  open(one_column);
  auto db = connect();
  plain_connection other{database()};
  other.execute("BEGIN IMMEDIATE");
  for (int i = 0; i < 20; ++i) {
    BOOST_REQUIRE(db.execute(insert_one(i)));
  }
  BOOST_TEST(first_cell(*db.query("SELECT count(*) FROM t")).as_integer() == 0);
  BOOST_TEST(becomes(health_state::degraded));
  auto impatient = select("SELECT count(*) FROM t");
  impatient.consistency = consistency::linearizable;
  impatient.deadline = 100ms;
  BOOST_TEST(db.query(impatient).error().code == errc::deadline_exceeded);
  other.execute("COMMIT");
  auto everything = select("SELECT group_concat(n) FROM t");
  everything.consistency = consistency::linearizable;
  BOOST_TEST(first_cell(*db.query(everything)).as_text() == "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19");
  BOOST_TEST(becomes(health_state::healthy));
}

BOOST_AUTO_TEST_CASE(actors_that_are_killed_under_a_foreign_lock_come_back_before_it_goes) {
  open(one_column);
  auto db = connect();
  plain_connection other{database()};
  other.execute("BEGIN IMMEDIATE");
  int n = 0;
  for (const auto* victim : {"writer", "queue", "reader-1", "queue", "writer"}) {
    BOOST_REQUIRE(eventually([&] { return db.execute(insert_one(n)).has_value(); }));
    ++n;
    kill(victim);
  }
  other.execute("COMMIT");
  BOOST_TEST(eventually([&] { return rows("SELECT group_concat(n) FROM t") == "0,1,2,3,4"; }));
}

BOOST_AUTO_TEST_CASE(an_engine_opens_under_a_foreign_lock_and_serves_what_it_can) {
  settings.drain_deadline = 50ms;
  open(one_column);
  plain_connection other{database()};
  other.execute("BEGIN IMMEDIATE");
  BOOST_REQUIRE(connect().execute(insert_one(1)));
  open();
  BOOST_TEST(tested->recovery().transactions == 1);
  auto db = connect();
  BOOST_REQUIRE(db.execute(insert_one(2)));
  BOOST_TEST(first_cell(*db.query("SELECT count(*) FROM t")).as_integer() == 0);
  other.execute("COMMIT");
  BOOST_REQUIRE(db.execute(insert_one(3, ack::applied)));
  BOOST_TEST(rows("SELECT group_concat(n) FROM t") == "1,2,3");
}

BOOST_AUTO_TEST_CASE(subscribers_are_told_when_the_engine_is_degraded_and_when_it_is_well_again) {
  open(one_column);
  BOOST_REQUIRE(becomes(health_state::healthy));
  std::atomic<int> degraded{0};
  std::atomic<int> healthy{0};
  const auto subscriber = system.spawn([&, front = tested->front()](caf::event_based_actor* self) -> caf::behavior {
    self->request(front, 1min, health_subscription{}).then([](const health_report&) {});
    return {[&](const health_changed& event) { ++(event.report.state == health_state::healthy ? healthy : degraded); }};
  });
  plain_connection other{database()};
  other.execute("BEGIN IMMEDIATE");
  BOOST_REQUIRE(connect().execute(insert_one(1)));
  BOOST_TEST(eventually([&] { return degraded == 1; }));
  other.execute("COMMIT");
  BOOST_TEST(eventually([&] { return healthy == 1; }));
  caf::anon_send_exit(subscriber, caf::exit_reason::kill);
}

BOOST_AUTO_TEST_SUITE_END()
