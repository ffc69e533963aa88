#include <millrace/actors/engine/options.hpp>

#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(options_suite)

BOOST_AUTO_TEST_CASE(the_defaults_can_be_used) {
  BOOST_TEST((!check(options{.data = "data"})));
}

BOOST_AUTO_TEST_CASE(a_value_that_cannot_be_used_is_refused_by_its_name) {
  const std::vector<std::pair<std::string, std::function<void(options&)>>> mistakes{
    {"data", [](options& o) { o.data.clear(); }},
    {"replay_wait", [](options& o) { o.replay_wait = -1ms; }},
    {"read.readers", [](options& o) { o.read.readers = 0; }},
    {"admission.inflight_transactions_max", [](options& o) { o.admission.inflight_transactions_max = 0; }},
    {"admission.inflight_bytes_max", [](options& o) { o.admission.inflight_bytes_max = 0; }},
    {"admission.waiting_queries_max", [](options& o) { o.admission.waiting_queries_max = 0; }},
    {"admission.waiting_query_bytes_max", [](options& o) { o.admission.waiting_query_bytes_max = 0; }},
    {"health.interval", [](options& o) { o.health.interval = 0ms; }},
    {"read.lease", [](options& o) { o.read.lease = 0ms; }},
    {"read.age_max", [](options& o) { o.read.age_max = -1ms; }},
    {"write.wal_pages_max", [](options& o) { o.write.wal_pages_max = o.write.checkpoint_pages; }},
    {"write.deaths_max", [](options& o) { o.write.deaths_max = 0; }},
    {"outcome_window", [](options& o) { o.database.outcomes.count = 0; }},
    {"outcome_window", [](options& o) { o.database.outcomes.age = 0ms; }},
    {"transaction_pages_max", [](options& o) { o.database.transaction_pages_max = 0; }},
    {"transaction_time_max", [](options& o) { o.database.transaction_time_max = 0ms; }},
    {"transaction_breaker", [](options& o) { o.transaction_breaker.window = 9ms; }},
    {"transaction_breaker", [](options& o) { o.transaction_breaker.open_for = 0ms; }},
    {"transaction_breaker", [](options& o) { o.transaction_breaker.failure_rate = 0; }},
    {"query_breaker", [](options& o) { o.query_breaker.failure_rate = 1.1; }},
    {"query_breaker", [](options& o) { o.query_breaker.failures_min = 0; }},
    {"query_breaker", [](options& o) { o.query_breaker.probes = 0; }},
    {"query_breaker", [](options& o) { o.query_breaker.slow = 0ms; }},
  };
  for (const auto& [name, make] : mistakes) {
    options settings{.data = "data"};
    make(settings);
    const auto problem = check(settings);
    BOOST_REQUIRE_MESSAGE(problem, name);
    BOOST_TEST((problem->code == errc::bad_option));
    BOOST_TEST(problem->detail.find("`" + name + "`") == 0, problem->detail);
  }
}

BOOST_AUTO_TEST_SUITE_END()
