#include "reader_fixture.hpp"

#include <millrace/actors/read/replies.hpp>
#include <millrace/tests/support/actors/failing_reader.hpp>

#include <atomic>
#include <functional>

#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

/// Counts what it is answered.
class counting_asker : public caf::monitorable_actor {
public:
  using caf::abstract_actor::enqueue;
  explicit counting_asker(caf::actor_config& config) : caf::monitorable_actor(config) {}
  void enqueue(caf::mailbox_element_ptr, caf::execution_unit*) override { ++answers; }
  int answers = 0;
};

/// Says what is to happen while a query runs.
class watched_reader final : public failing_reader {
public:
  using watcher = std::function<void(const storage::read_limits&)>;
  explicit watched_reader(watcher during) : failing_reader(errc::bad_sql), during_(std::move(during)) {}
  storage::result<> begin_snapshot() override { return {}; }
  storage::result<row_set> run(const query&, const storage::read_limits& limits) override {
    during_(limits);
    return row_set{};
  }

private:
  watcher during_;
};

struct replies_fixture : reader_fixture {
  caf::strong_actor_ptr who = make_asker();
  counting_asker& asker = *static_cast<counting_asker*>(caf::actor_cast<caf::abstract_actor*>(who));

  ~replies_fixture() { asker.cleanup(caf::exit_reason::user_shutdown, nullptr); }

  caf::strong_actor_ptr make_asker() {
    caf::actor_config made_from;
    return caf::make_actor<counting_asker, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system,
                                                                  made_from);
  }

  template <class... Ts>
  caf::mailbox_element_ptr asks(Ts&&... content) {
    return caf::make_mailbox_element(who, caf::make_message_id(1), {}, std::forward<Ts>(content)...);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(replies_suite, replies_fixture)

BOOST_AUTO_TEST_CASE(small_answers_leave_together) {
  replies kept;
  kept.add(asks(1), caf::make_message(1), 100);
  kept.add(asks(2), caf::make_message(2), 100);
  BOOST_TEST(asker.answers == 0);
  kept.send();
  BOOST_TEST(asker.answers == 2);
  kept.send();
  BOOST_TEST(asker.answers == 2);
}

BOOST_AUTO_TEST_CASE(a_large_answer_leaves_at_once_with_those_before_it) {
  replies kept;
  kept.add(asks(1), caf::make_message(1), 100);
  kept.add(asks(2), caf::make_message(2), 1'000'000);
  BOOST_TEST(asker.answers == 2);
}

BOOST_AUTO_TEST_CASE(what_is_kept_leaves_where_its_reader_ends) {
  {
    replies kept;
    kept.add(asks(1), caf::make_message(1), 100);
  }
  BOOST_TEST(asker.answers == 1);
}

BOOST_AUTO_TEST_CASE(who_was_answered_does_not_wait_for_a_long_query_that_was_taken_with_its_own) {
  int runs = 0;
  int answers_meanwhile = 0;
  settings.open_database = [&]() -> storage::result<std::unique_ptr<storage::database_reader>> {
    return std::make_unique<watched_reader>([&](const storage::read_limits& limits) {
      const auto end = soon(std::chrono::seconds{20});
      ++runs;
      while (runs == 2 && answers_meanwhile == 0 && std::chrono::steady_clock::now() < end) {
        limits.asked_by->gone(); // As SQLite asks.
        answers_meanwhile = asker.answers;
      }
    });
  };
  start();
  for (int i = 0; i < 2; ++i) {
    waiting_request one{asks(admitted(select("a"))), 0, std::chrono::steady_clock::now(), monotonic_time::max()};
    BOOST_REQUIRE(board->pass_on(one));
  }
  scheduler.run();
  BOOST_TEST(answers_meanwhile == 1);
  BOOST_TEST(asker.answers == 2);
}

BOOST_AUTO_TEST_SUITE_END()
