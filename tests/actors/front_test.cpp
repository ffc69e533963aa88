#include "actor_fixture.hpp"

#include <millrace/actors/front.hpp>
#include <millrace/actors/health_monitor.hpp>
#include <millrace/messages/limits.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// The front between fakes that note what reaches them. Its checks run in the thread of the sender.
struct front_fixture : actor_fixture {
  engine_actor tested = spawn_front(system, board, room);
  std::vector<admitted_transaction> accepted;
  std::vector<waiting_query> waiting;
  std::vector<std::pair<int, admitted_query>> asked; ///< With the number of the reader.
  int health_requests = 0;
  caf::actor queue;

  front_fixture() {
    queue = track(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](admitted_transaction& request) {
                accepted.push_back(std::move(request));
                return outcome{.seq = accepted.size(), .results = {}};
              },
              [this](waiting_query& request) {
                waiting.push_back(std::move(request));
                return row_set{};
              }};
    }));
    board->connect("queue", queue);
    for (int number = 1; number <= 2; ++number) {
      const auto fake = track(system.spawn([this, number](caf::event_based_actor*) -> caf::behavior {
        return {[this, number](admitted_query& request) {
          asked.emplace_back(number, std::move(request));
          return row_set{};
        }};
      }));
      board->connect("reader-" + std::to_string(number), fake);
    }
    const auto monitor = track(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const health_request&) {
        ++health_requests;
        return health_report{.durable_seq = 12};
      }};
    }));
    board->connect("monitor", monitor);
    scheduler.run();
  }

  ~front_fixture() { end_all(); }

  template <class Answer, class Content>
  std::shared_ptr<reply<Answer>> send(Content content) {
    auto pending = ask<Answer>(tested, std::move(content));
    scheduler.run();
    return pending;
  }
};

const auto good = [] { return execute("INSERT INTO t VALUES (?1)", 1); };

} // namespace

BOOST_FIXTURE_TEST_SUITE(front_suite, front_fixture)

BOOST_AUTO_TEST_CASE(requests_reach_who_serves_them_and_are_answered_from_there) {
  const auto done = send<outcome>(good());
  BOOST_REQUIRE(done->value.has_value());
  BOOST_TEST(done->value->seq == 1);
  BOOST_REQUIRE_EQUAL(accepted.size(), 1);
  BOOST_TEST((accepted[0].work == good()));
  BOOST_TEST(accepted[0].bytes == payload_bytes(good()));
  BOOST_TEST((accepted[0].deadline == monotonic_time::max()));
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value());
  BOOST_TEST(asked.size() == 1);
  BOOST_TEST(send<health_report>(health_request{})->value->durable_seq == 12);
}

BOOST_AUTO_TEST_CASE(a_query_that_must_see_something_goes_through_the_queue) {
  auto question = select("SELECT 1");
  question.consistency = consistency::at_least;
  question.at_least_seq = 5;
  send<row_set>(question);
  question.consistency = consistency::linearizable;
  send<row_set>(question);
  BOOST_TEST(waiting.size() == 2);
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(queries_go_round_the_readers) {
  for (int i = 0; i < 6; ++i) {
    send<row_set>(select("SELECT 1"));
    board->slot(0)->waiting = 0; // The fakes do not count what they have done.
    board->slot(1)->waiting = 0;
  }
  BOOST_TEST(std::ranges::count(asked, 1, [](const auto& one) { return one.first; }) == 3);
}

BOOST_AUTO_TEST_CASE(a_busy_reader_is_passed_by) {
  board->slot(0)->waiting = 5;
  for (int i = 0; i < 4; ++i) {
    send<row_set>(select("SELECT 1"));
  }
  BOOST_TEST(std::ranges::count(asked, 2, [](const auto& one) { return one.first; }) == 4);
}

BOOST_AUTO_TEST_CASE(what_breaks_a_limit_is_refused_and_takes_no_room) {
  BOOST_TEST(send<outcome>(execute("x", std::string(limits::value_bytes_max + 1, 'x')))->code() == errc::too_large);
  BOOST_TEST(send<outcome>(transaction{})->code() == errc::malformed);
  auto question = select("x");
  question.max_rows = 0;
  BOOST_TEST(send<row_set>(question)->code() == errc::too_large);
  BOOST_TEST(room->transactions() == 0);
  BOOST_TEST(accepted.empty());
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(without_room_it_says_overloaded_and_serves_again_when_there_is_some) {
  for (std::uint64_t i = 0; i < room->transactions_max(); ++i) {
    BOOST_REQUIRE(room->take(1));
  }
  BOOST_TEST(send<outcome>(good())->code() == errc::overloaded);
  BOOST_TEST(room->transactions() == room->transactions_max());
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value()); // Queries need no room.
  room->give_back(1, 1);
  BOOST_TEST(send<outcome>(good())->value.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_down_is_unavailable_and_takes_no_room) {
  for (const auto* id : {"queue", "reader-1", "reader-2", "monitor"}) {
    board->connect(id, nullptr);
  }
  BOOST_TEST(send<outcome>(good())->code() == errc::unavailable);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->code() == errc::unavailable);
  auto question = select("SELECT 1");
  question.consistency = consistency::linearizable;
  BOOST_TEST(send<row_set>(question)->code() == errc::unavailable);
  BOOST_TEST(send<health_report>(health_request{})->code() == errc::unavailable);
  BOOST_TEST(room->transactions() == 0);
  BOOST_TEST(room->bytes() == 0);
  board->connect("queue", queue);
  BOOST_TEST(send<outcome>(good())->value.has_value());
}

BOOST_AUTO_TEST_CASE(one_reader_that_is_down_is_done_without) {
  board->connect("reader-1", nullptr);
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value());
  }
}

BOOST_AUTO_TEST_CASE(after_closing_everything_but_health_is_refused) {
  board->close();
  BOOST_TEST(send<outcome>(good())->code() == errc::shutting_down);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->code() == errc::shutting_down);
  BOOST_TEST(send<health_report>(health_request{})->value.has_value());
  board->connect("monitor", nullptr);
  BOOST_TEST(send<health_report>(health_request{})->code() == errc::shutting_down);
  BOOST_TEST(room->transactions() == 0);
}

BOOST_AUTO_TEST_CASE(exit_messages_do_nothing_to_it) {
  for (auto reason : {caf::exit_reason::kill, caf::exit_reason::user_shutdown, caf::exit_reason::normal}) {
    caf::anon_send_exit(tested, reason);
    scheduler.run();
  }
  BOOST_TEST(send<outcome>(good())->value.has_value());
}

BOOST_AUTO_TEST_CASE(a_message_it_does_not_know_is_answered_with_an_error) {
  const auto confused = ask<int>(caf::actor_cast<caf::actor>(tested), std::string{"hello"});
  const auto internal = ask<outcome>(caf::actor_cast<caf::actor>(tested), schema_script{"x", "DROP TABLE t"});
  scheduler.run();
  BOOST_TEST(confused->count == 1);
  BOOST_TEST(!confused->value.has_value());
  BOOST_TEST(internal->count == 1);
  BOOST_TEST(!internal->value.has_value());
}

BOOST_AUTO_TEST_CASE(a_message_that_others_hold_too_is_copied_not_emptied) {
  const auto shared = caf::make_message(good());
  auto client = track(system.spawn([&](caf::event_based_actor* self) {
    self->send(caf::actor_cast<caf::actor>(tested), shared);
    self->send(caf::actor_cast<caf::actor>(tested), shared);
  }));
  scheduler.run();
  BOOST_REQUIRE_EQUAL(accepted.size(), 2);
  BOOST_TEST((accepted[0].work == good()));
  BOOST_TEST((accepted[1].work == good()));
  BOOST_TEST((shared.get_as<transaction>(0) == good()));
}

BOOST_AUTO_TEST_CASE(deadlines_count_from_when_the_front_takes_the_request) {
  const auto before = std::chrono::steady_clock::now();
  auto work = good();
  work.deadline = 60s;
  send<outcome>(work);
  auto question = select("SELECT 1");
  question.deadline = 90s;
  send<row_set>(question);
  const auto after = std::chrono::steady_clock::now();
  BOOST_TEST((accepted.at(0).deadline >= before + 60s && accepted.at(0).deadline <= after + 60s));
  BOOST_TEST((asked.at(0).second.deadline >= before + 90s && asked.at(0).second.deadline <= after + 90s));
}

BOOST_AUTO_TEST_CASE(a_deadline_that_is_no_longer_in_the_future_has_passed) {
  auto work = good();
  work.deadline = -1ms;
  send<outcome>(work);
  BOOST_TEST((accepted.at(0).deadline < std::chrono::steady_clock::now()));
  auto question = select("SELECT 1");
  question.deadline = 0ms;
  send<row_set>(question);
  BOOST_TEST((asked.at(0).second.deadline < std::chrono::steady_clock::now()));
}

BOOST_AUTO_TEST_CASE(a_deadline_beyond_all_clocks_is_none) {
  auto work = good();
  work.deadline = std::chrono::milliseconds::max();
  send<outcome>(work);
  BOOST_TEST((accepted.at(0).deadline == monotonic_time::max()));
}

BOOST_AUTO_TEST_SUITE_END()
