#include <millrace/actors/health/health_monitor.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>
#include <millrace/tests/support/log_listener.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// A monitor over fakes that answer what the test put down for them.
struct monitor_fixture : actor_fixture {
  std::map<std::string, sample> samples;
  std::map<std::string, caf::actor> fakes;
  health_monitor_options settings{.board = board,
                                  .room = room,
                                  .transactions = std::make_shared<breaker>(breaker_options{.failures_min = 1}),
                                  .queries = std::make_shared<breaker>(breaker_options{.failures_min = 1}),
                                  .interval = 100ms};
  health_monitor_actor tested;

  monitor_fixture() {
    for (const auto* id : {"queue", "writer", "reader-1", "reader-2"}) {
      add(id);
    }
  }

  ~monitor_fixture() { end_all(); }

  void add(const std::string& id) {
    fakes[id] = track(system.spawn([this, id](caf::event_based_actor*) -> caf::behavior {
      return {[this, id](atom::sample) { return samples[id]; }};
    }));
    board->connect(id, fakes[id]);
  }

  /// One that takes requests and answers none.
  void make_silent(const std::string& id) {
    board->connect(id, track(system.spawn([](caf::event_based_actor* self) -> caf::behavior {
                     self->set_default_handler(caf::skip);
                     return {[](int) {}};
                   })));
  }

  void start() {
    tested = track(system.spawn(health_monitor, settings));
    board->connect("monitor", caf::actor_cast<caf::actor>(tested));
    scheduler.run();
  }

  health_report look() {
    pass(250ms);
    const auto seen = ask<health_report>(tested, health_request{});
    scheduler.run();
    BOOST_REQUIRE_MESSAGE(seen->value.has_value(), to_string(seen->error));
    return *seen->value;
  }

  monotonic_time now() { return system.clock().now(); }

  /// A subscriber that notes the states it is told of.
  caf::actor subscribe(std::vector<health_state>& told) {
    auto subscriber = track(system.spawn([this, &told](caf::event_based_actor* self) -> caf::behavior {
      self->request(tested, caf::infinite, health_subscription{}).then([](const health_report&) {});
      return {[&told](const health_changed& event) { told.push_back(event.report.state); }};
    }));
    scheduler.run();
    return subscriber;
  }
};

bool mentions(const health_report& report, const std::string& text) {
  return std::ranges::any_of(report.reasons, [&](const auto& one) { return one.find(text) != std::string::npos; });
}

bool responds(const health_report& report, const std::string& id) {
  const auto found = std::ranges::find(report.actors, id, &actor_health::id);
  return found != report.actors.end() && found->responding;
}

using states = std::vector<health_state>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(health_monitor_suite, monitor_fixture)

BOOST_AUTO_TEST_CASE(an_engine_whose_actors_all_answer_is_healthy) {
  samples["queue"].durable_seq = 9;
  samples["queue"].applied_seq = 7;
  samples["queue"].checkpointed_seq = 5;
  samples["queue"].log_bytes = 4096;
  samples["queue"].latency.count = 3;
  samples["reader-1"].latency = {.count = 10, .p99_us = 50};
  samples["reader-2"].latency = {.count = 20, .p99_us = 40};
  BOOST_REQUIRE(room->take(100));
  board->queue_room().take_anyway(1);
  keep_busy(1, 1);
  start();
  const auto report = look();
  BOOST_TEST((report.state == health_state::healthy));
  BOOST_TEST(report.reasons.empty());
  BOOST_TEST(report.durable_seq == 9);
  BOOST_TEST(report.applied_seq == 7);
  BOOST_TEST(report.checkpointed_seq == 5);
  BOOST_TEST(report.log_bytes == 4096);
  BOOST_TEST(report.sync.count == 3);
  BOOST_TEST(report.query.count == 30);
  BOOST_TEST(report.query.p99_us == 50);
  BOOST_TEST(report.inflight_transactions == 1);
  BOOST_TEST(report.inflight_bytes == 100);
  BOOST_TEST(report.waiting_queries == 2);
  BOOST_TEST(report.actors.size() == 5);
  for (const auto* id : {"queue", "writer", "reader-1", "reader-2", "monitor"}) {
    BOOST_TEST(responds(report, id));
  }
}

BOOST_AUTO_TEST_CASE(a_writer_that_waits_for_a_lock_degrades_it_and_the_reason_is_given) {
  samples["writer"].blocked = failure{errc::locked, "database is locked"};
  samples["writer"].blocked_for = 12'000ms;
  samples["queue"].durable_seq = 40;
  samples["queue"].applied_seq = 30;
  start();
  const auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "12 s"));
  BOOST_TEST(mentions(report, "10 transactions"));
  BOOST_TEST(mentions(report, "Another process holds the database's lock"));
  samples["writer"].blocked.reset();
  BOOST_TEST((look().state == health_state::healthy));
}

BOOST_AUTO_TEST_CASE(damage_that_a_query_showed_is_unhealthy_and_named) {
  samples["reader-1"].blocked = failure{errc::corrupt, "database disk image is malformed"};
  start();
  const auto report = look();
  BOOST_TEST((report.state == health_state::unhealthy));
  BOOST_TEST(mentions(report, "database disk image is malformed"));
}

BOOST_AUTO_TEST_CASE(damage_that_the_scrubber_found_is_unhealthy_and_named) {
  add("scrubber");
  samples["scrubber"].scrubs = 7;
  start();
  BOOST_TEST((look().state == health_state::healthy));
  samples["scrubber"].blocked = failure{errc::corrupt, "row 3 missing from index"};
  const auto report = look();
  BOOST_TEST(report.scrubs == 7);
  BOOST_TEST((report.state == health_state::unhealthy));
  BOOST_TEST(mentions(report, "row 3 missing from index"));
}

BOOST_AUTO_TEST_CASE(a_queue_that_cannot_write_is_unhealthy) {
  samples["queue"].blocked = failure{errc::disk_full, "no space left"};
  start();
  const auto report = look();
  BOOST_TEST((report.state == health_state::unhealthy));
  BOOST_TEST(mentions(report, "no space left"));
}

BOOST_AUTO_TEST_CASE(a_writer_that_does_not_answer_degrades_and_a_queue_that_does_not_is_unhealthy) {
  make_silent("writer");
  start();
  auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(!responds(report, "writer"));
  BOOST_TEST(responds(report, "queue"));
  make_silent("queue");
  report = look();
  BOOST_TEST((report.state == health_state::unhealthy));
  BOOST_TEST(!responds(report, "queue"));
  BOOST_TEST(report.reasons.size() == 2);
  add("queue");
  add("writer");
  report = look();
  BOOST_TEST((report.state == health_state::healthy));
  const auto writer = std::ranges::find(report.actors, "writer", &actor_health::id);
  BOOST_TEST(writer->restarts == 2);
}

BOOST_AUTO_TEST_CASE(what_the_writer_has_run_for_more_than_a_second_is_named_and_logged_once) {
  const log_listener heard;
  samples["queue"].durable_seq = 9;
  samples["queue"].applied_seq = 6;
  samples["queue"].tried_seq = 7;
  start();
  BOOST_TEST((look().state == health_state::healthy));
  pass(1s);
  for (int i = 0; i < 2; ++i) {
    const auto report = look();
    BOOST_TEST((report.state == health_state::degraded));
    BOOST_TEST(mentions(report, "The writer has run seq 7 for 1 s"));
  }
  BOOST_TEST(heard.count("the writer has run seq 7") == 1);
  samples["queue"].tried_seq = 8;
  BOOST_TEST((look().state == health_state::healthy));
  samples["queue"].tried_seq = 0;
  pass(2s);
  BOOST_TEST((look().state == health_state::healthy));
}

BOOST_AUTO_TEST_CASE(what_stood_in_the_log_at_the_start_is_named_and_logged_again_until_it_is_applied) {
  const log_listener heard;
  auto& queue = samples["queue"];
  queue.durable_seq = queue.replay_end = 9;
  queue.applied_seq = 5;
  queue.tried_seq = 6;
  start();
  BOOST_TEST(!mentions(look(), "stood in the log"));
  pass(2s);
  BOOST_TEST(mentions(look(), "Of what stood in the log at the start 4 transactions are still to be applied"));
  BOOST_TEST(heard.count("at the start 4 transactions are still to be applied; the writer runs seq 6") == 1);
  queue.applied_seq = queue.tried_seq = 7;
  BOOST_TEST(mentions(look(), "at the start 2 transactions"));
  BOOST_TEST(heard.count("at the start 2 transactions") == 0);
  pass(10s);
  BOOST_TEST(heard.count("at the start 2 transactions") == 1);
  queue.durable_seq = 12; // What came after is not meant.
  queue.applied_seq = 9;
  queue.tried_seq = 0;
  const auto report = look();
  BOOST_TEST(!mentions(report, "stood in the log"));
  BOOST_TEST((report.state == health_state::healthy));
  BOOST_TEST(heard.count("all that stood in the log at the start is applied, up to seq 9") == 1);
}

BOOST_AUTO_TEST_CASE(missing_readers_degrade_and_none_at_all_is_unhealthy) {
  start();
  board->connect("reader-1", nullptr);
  auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "1 of 2 readers"));
  board->connect("reader-2", nullptr);
  BOOST_TEST((look().state == health_state::unhealthy));
}

BOOST_AUTO_TEST_CASE(one_busy_reader_is_normal_and_all_of_them_degrade) {
  make_silent("reader-1");
  start();
  BOOST_TEST((look().state == health_state::healthy));
  make_silent("reader-2");
  const auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "long query"));
}

BOOST_AUTO_TEST_CASE(nearly_full_admission_degrades) {
  start();
  for (std::uint64_t i = 0; i < room->requests_max() - 10; ++i) {
    BOOST_REQUIRE(room->take(1));
  }
  const auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "990 transactions wait"));
  BOOST_TEST(report.reasons.size() == 1u);
}

BOOST_AUTO_TEST_CASE(nearly_as_many_queries_as_are_allowed_degrade) {
  start();
  keep_busy(0, 91);
  const auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "91 queries wait"));
}

BOOST_AUTO_TEST_CASE(subscribers_are_told_of_each_change_once) {
  states first;
  states second;
  start();
  look();
  subscribe(first);
  subscribe(second);
  look();
  BOOST_TEST(first.empty());
  samples["writer"].blocked = failure{errc::locked, ""};
  look();
  look();
  BOOST_TEST((first == states{health_state::degraded}));
  samples["writer"].blocked.reset();
  look();
  look();
  BOOST_TEST((first == states{health_state::degraded, health_state::healthy}));
  BOOST_TEST((second == first));
}

BOOST_AUTO_TEST_CASE(who_subscribes_twice_is_told_once) {
  states told;
  start();
  track(system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    for (int i = 0; i < 2; ++i) {
      self->request(tested, caf::infinite, health_subscription{}).then([](const health_report&) {});
    }
    return {[&told](const health_changed& event) { told.push_back(event.report.state); }};
  }));
  samples["writer"].blocked = failure{errc::locked, ""};
  look();
  BOOST_TEST((told == states{health_state::degraded}));
}

BOOST_AUTO_TEST_CASE(a_dead_subscriber_is_forgotten) {
  states told;
  start();
  const auto subscriber = subscribe(told);
  BOOST_TEST(settings.subscribers->size() == 1);
  kill(subscriber);
  BOOST_TEST(settings.subscribers->empty());
}

BOOST_AUTO_TEST_CASE(subscriptions_outlive_the_monitor_and_the_dead_are_forgotten_by_the_next) {
  states told;
  states never_told;
  start();
  subscribe(told);
  const auto dying = subscribe(never_told);
  kill(tested);
  kill(dying);
  start();
  BOOST_TEST(settings.subscribers->size() == 1);
  samples["writer"].blocked = failure{errc::locked, ""};
  look();
  BOOST_TEST((told == states{health_state::degraded}));
  BOOST_TEST(never_told.empty());
}

BOOST_AUTO_TEST_CASE(a_breaker_that_is_not_closed_degrades_and_is_named) {
  start();
  settings.transactions->succeeded(now());
  BOOST_TEST((look().state == health_state::healthy));
  settings.transactions->failed(now());
  auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "breaker for transactions is open"));
  BOOST_TEST((report.transactions.state == breaker_state::open));
  BOOST_TEST(report.transactions.successes == 1);
  BOOST_TEST(report.transactions.failures == 1);
  BOOST_TEST((report.queries.state == breaker_state::closed));
  settings.queries->failed(now());
  BOOST_TEST(mentions(look(), "breaker for queries is open"));
}

BOOST_AUTO_TEST_CASE(a_commit_by_somebody_else_degrades_for_a_minute) {
  samples["writer"].foreign_commits = 0;
  start();
  look();
  samples["writer"].foreign_commits = 2;
  auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "Another process changed the database (2 commits"));
  BOOST_TEST(report.foreign_commits == 2);
  pass(58s);
  BOOST_TEST((look().state == health_state::degraded));
  pass(3s);
  report = look();
  BOOST_TEST((report.state == health_state::healthy));
  BOOST_TEST(report.foreign_commits == 2);
}

BOOST_AUTO_TEST_CASE(what_actors_count_is_added_up_over_their_restarts) {
  samples["writer"].foreign_commits = 3;
  start();
  look();
  samples["writer"].foreign_commits = 0; // Others began to count anew.
  look();
  samples["writer"].foreign_commits = 1;
  const auto report = look();
  BOOST_TEST(report.foreign_commits == 4);
}

BOOST_AUTO_TEST_CASE(transactions_in_quarantine_degrade) {
  start();
  samples["queue"].quarantined = 2;
  const auto report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "2 transactions were set aside"));
  samples["queue"].quarantined = 0; // They were resubmitted or discarded.
  BOOST_TEST((look().state == health_state::healthy));
}

BOOST_AUTO_TEST_CASE(a_database_that_is_gone_or_damaged_is_unhealthy) {
  start();
  samples["queue"].durable_seq = 5;
  for (const auto code : {errc::database_gone, errc::corrupt}) {
    samples["writer"].blocked = failure{code, "injected"};
    const auto report = look();
    BOOST_TEST((report.state == health_state::unhealthy));
    BOOST_TEST(mentions(report, "queries may go on, 5 transactions wait"));
    BOOST_TEST(mentions(report, std::string{sentence(code)}));
  }
}

BOOST_AUTO_TEST_CASE(a_log_of_sqlites_own_that_cannot_be_emptied_degrades) {
  settings.wal_pages_max = 1'000;
  samples["writer"].wal_pages = 1'000;
  start();
  auto report = look();
  BOOST_TEST((report.state == health_state::healthy));
  BOOST_TEST(report.wal_pages == 1'000);
  samples["writer"].wal_pages = 1'001;
  report = look();
  BOOST_TEST((report.state == health_state::degraded));
  BOOST_TEST(mentions(report, "1001 pages"));
}

BOOST_AUTO_TEST_CASE(subscribers_hear_of_breakers_and_one_that_does_not_care_lives_on) {
  states told;
  std::vector<breaker_changed> changes;
  start();
  subscribe(told);
  track(system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->request(tested, caf::infinite, health_subscription{}).then([](const health_report&) {});
    return {[&changes](const breaker_changed& event) { changes.push_back(event); }, [](const health_changed&) {}};
  }));
  scheduler.run();
  caf::anon_send(tested, breaker_changed{"queries", breaker_state::closed, breaker_state::open});
  scheduler.run();
  BOOST_REQUIRE_EQUAL(changes.size(), 1);
  BOOST_TEST(changes[0].breaker == "queries");
  BOOST_TEST((changes[0].to == breaker_state::open));
  samples["writer"].blocked = failure{errc::locked, ""};
  look();
  BOOST_TEST((told == states{health_state::degraded}));
}

BOOST_AUTO_TEST_SUITE_END()
