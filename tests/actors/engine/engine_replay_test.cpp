#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/log_listener.hpp>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// Computes for about so many steps; without a bound, until it is interrupted.
transaction computing(const std::string& limit) {
  return execute("INSERT INTO t SELECT -count(*) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                 + limit + ") SELECT n FROM c)");
}

struct replay_fixture : engine_fixture {
  std::atomic<bool> called_off = false;

  replay_fixture() {
    settings.database.transaction_time_max = 10min;
    settings.drain_deadline = 0ms;
    open("CREATE TABLE t(n INTEGER)");
  }

  static transaction insert(int n) { return durable(execute("INSERT INTO t VALUES (?1)", n)); }
  static transaction durable(transaction work) {
    work.acknowledgement = ack::durable;
    return work;
  }

  /// Leaves in the log what computes, and after it the rows 1 and 2.
  std::uint64_t leave_in_log(const transaction& slow, int count) {
    auto db = connect();
    for (int i = 0; i < count; ++i) {
      BOOST_REQUIRE(db.execute(durable(slow)));
    }
    BOOST_REQUIRE(db.execute(insert(1)));
    const auto last = db.execute(insert(2));
    BOOST_REQUIRE(last);
    tested.reset();
    return last->seq;
  }

  tl::expected<row_set, failure> positive(consistency wanted, std::uint64_t seq = 0,
                                          std::chrono::milliseconds deadline = 60s) {
    auto question = select("SELECT count(*) FROM t WHERE n > 0");
    question.consistency = wanted;
    question.at_least_seq = seq;
    question.deadline = deadline;
    return client{system, tested->front(), 70s}.query(question);
  }

  static std::int64_t number(const tl::expected<row_set, failure>& rows) {
    BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : to_string(rows.error())));
    return (*rows)[0][std::size_t{0}].as_integer();
  }

  errc set_aside(std::uint64_t seq) {
    auto told = errc::none;
    caf::scoped_actor self{system};
    self->request(tested->operations(), 1min, quarantine_set_aside{seq})
      .receive([](const outcome&) {}, [&](const caf::error& why) { told = failure_of(why).code; });
    return told;
  }

  /// Opens, and calls that off soon.
  failure refusal_of_opening_that_is_called_off() {
    settings.opening_called_off = &called_off;
    const std::jthread other{[this] {
      std::this_thread::sleep_for(500ms);
      called_off = true;
    }};
    return refusal();
  }
};

} // namespace

/// An engine that is opened where much stands in the log that is not applied.
BOOST_FIXTURE_TEST_SUITE(engine_replay_suite, replay_fixture)

BOOST_AUTO_TEST_CASE(what_stands_in_the_log_keeps_nobody_out_and_all_of_it_is_applied) {
  const auto last = leave_in_log(computing(" LIMIT 2000000"), 20);
  const log_listener heard;
  settings.replay_wait = 1ms;
  open();
  BOOST_TEST(tested->recovery().last_seq == last);
  const auto seen = positive(consistency::any);
  BOOST_TEST(number(seen) == 0);
  BOOST_TEST(seen->seq() < last);
  const auto taken = connect().execute(insert(3));
  BOOST_REQUIRE(taken);
  BOOST_TEST(taken->seq == last + 1);
  BOOST_TEST((positive(consistency::at_least, taken->seq, 50ms).error().code == errc::deadline_exceeded));
  BOOST_TEST((set_aside(last) == errc::none));
  auto db = connect();
  BOOST_TEST(eventually([&] {
    const auto report = db.health();
    return report && std::ranges::any_of(report->reasons, [](const auto& one) {
             return one.find("Of what stood in the log at the start") == 0;
           });
  }));
  BOOST_TEST(heard.has("the engine serves while"));
  BOOST_TEST(heard.has("of what stood in the log at the start"));
  BOOST_TEST(number(positive(consistency::at_least, taken->seq)) == 2);
  BOOST_TEST(rows("SELECT group_concat(n) FROM t WHERE n > 0") == "1,3");
}

BOOST_AUTO_TEST_CASE(what_never_ends_in_the_log_is_set_aside_by_an_operator_and_the_rest_is_applied) {
  const auto last = leave_in_log(computing(""), 1);
  settings.replay_wait = 0ms;
  open();
  BOOST_TEST(number(positive(consistency::any)) == 0);
  BOOST_TEST((set_aside(last - 2) == errc::none));
  BOOST_TEST(number(positive(consistency::linearizable)) == 2);
}

BOOST_AUTO_TEST_CASE(a_schema_script_comes_after_what_stands_in_the_log_and_nobody_is_served_before) {
  const auto last = leave_in_log(computing(" LIMIT 1000000"), 3);
  const log_listener heard;
  settings.replay_wait = 0ms;
  settings.scripts.push_back({"0002", "CREATE TABLE u AS SELECT count(*) AS rows FROM t"});
  open();
  BOOST_TEST(heard.has("nobody is served before"));
  BOOST_TEST(rows("SELECT rows FROM u") == "5");
  BOOST_TEST(positive(consistency::any)->seq() > last);
}

BOOST_AUTO_TEST_CASE(an_opening_that_is_called_off_ends_and_what_stands_in_the_log_is_applied_at_the_next_start) {
  leave_in_log(computing(""), 1);
  settings.replay_wait = 10min;
  settings.drain_deadline = 10min;
  BOOST_TEST((refusal_of_opening_that_is_called_off().code == errc::shutting_down));
  called_off = false;
  settings.database.transaction_time_max = 500ms;
  open();
  BOOST_TEST(number(positive(consistency::linearizable)) == 2);
}

BOOST_AUTO_TEST_CASE(an_opening_that_applies_a_schema_can_be_called_off_too) {
  settings.scripts.push_back({"0002", computing("").statements.at(0).sql});
  tested.reset();
  BOOST_TEST((refusal_of_opening_that_is_called_off().code == errc::shutting_down));
}

BOOST_AUTO_TEST_CASE(what_calls_an_opening_off_does_nothing_to_an_engine_that_is_open) {
  settings.opening_called_off = &called_off;
  settings.drain_deadline = 10s;
  open();
  called_off = true;
  leave_in_log(computing(" LIMIT 1000000"), 1); // All of it is applied before it is closed.
  BOOST_TEST(rows("SELECT n FROM t WHERE n > 0") == "1\n2");
}

BOOST_AUTO_TEST_SUITE_END()
