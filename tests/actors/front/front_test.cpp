#include <millrace/actors/front/front.hpp>
#include <millrace/actors/health/health_monitor.hpp>
#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>
#include <millrace/tests/support/actors/reading_door.hpp>

#include <stdexcept>

#include <caf/scoped_actor.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// The front between fakes that note what reaches them. Its checks run in the thread of the sender.
struct front_fixture : actor_fixture {
  front_options settings{.board = board, .transactions = guard(), .queries = guard()};
  engine_actor tested = spawn_front(system, settings);
  std::vector<admitted_transaction> accepted;
  std::vector<waiting_query> waiting;
  std::vector<std::pair<int, admitted_query>> asked; ///< With the number of the reader.
  std::vector<std::pair<int, admitted_page_query>> first_pages;
  std::vector<std::pair<int, admitted_page_cursor>> next_pages;
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
        return {[this, number](atom::run) {
          take_all(*board, static_cast<std::size_t>(number - 1),
                   [this, number](const caf::mailbox_element& message) { serve(number, message); });
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

  void serve(int number, const caf::mailbox_element& message) {
    const auto& content = message.content();
    if (content.match_elements<admitted_query>()) {
      asked.emplace_back(number, content.get_as<admitted_query>(0));
      answer(message, caf::make_message(row_set{}));
    } else if (content.match_elements<admitted_page_query>()) {
      first_pages.emplace_back(number, content.get_as<admitted_page_query>(0));
      answer(message, caf::make_message(row_page{}));
    } else {
      next_pages.emplace_back(number, content.get_as<admitted_page_cursor>(0));
      answer(message, caf::make_message(row_page{}));
    }
  }

  /// Lets readers seem to have so much to answer.
  void fill_readers(int requests) {
    for (int i = 0; i < requests; ++i) {
      board->waiting_requests()->room().take_anyway(0);
    }
  }

  /// A breaker that opens at the first failure and stays open.
  static std::shared_ptr<breaker> guard() {
    return std::make_shared<breaker>(breaker_options{.failures_min = 1, .open_for = 1h});
  }
  static void open(breaker& one) { one.failed(breaker::clock::now()); }

  template <class Answer, class Content>
  std::shared_ptr<reply<Answer>> send(Content content) {
    auto pending = ask<Answer>(tested, std::move(content));
    scheduler.run();
    return pending;
  }
};

const auto good = [] { return execute("INSERT INTO t VALUES (?1)", 1); };

transaction urgent(transaction work) {
  work.priority = priority::operations;
  return work;
}

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

BOOST_AUTO_TEST_CASE(an_id_is_issued_at_what_is_durable_by_the_front_itself) {
  board->durable_seq()->store(41);
  const auto one = send<client_id>(client_id_request{});
  const auto other = send<client_id>(client_id_request{});
  BOOST_REQUIRE((one->value.has_value() && other->value.has_value()));
  BOOST_TEST(issued_at_seq(one->value->id) == 41u);
  BOOST_TEST((one->value->id != other->value->id));
  open(*settings.transactions);
  BOOST_TEST(send<client_id>(client_id_request{})->value.has_value());
  BOOST_TEST(room->requests() == 0);
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
  }
  BOOST_TEST(std::ranges::count(asked, 1, [](const auto& one) { return one.first; }) == 3);
}

BOOST_AUTO_TEST_CASE(what_breaks_a_limit_is_refused_and_takes_no_room) {
  BOOST_TEST(send<outcome>(execute("x", std::string(limits::value_bytes_max + 1, 'x')))->code() == errc::too_large);
  BOOST_TEST(send<outcome>(transaction{})->code() == errc::malformed);
  auto question = select("x");
  question.max_rows = 0;
  BOOST_TEST(send<row_set>(question)->code() == errc::too_large);
  const std::string half(limits::query_bytes_max / 2, 'x');
  BOOST_TEST(send<row_set>(select("x", half, half))->code() == errc::too_large);
  BOOST_TEST(send<row_page>(page_query{select("x", half, half), 10})->code() == errc::too_large);
  BOOST_TEST(board->waiting_queries() == 0);
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(accepted.empty());
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(without_room_it_says_overloaded_and_serves_again_when_there_is_some) {
  for (std::uint64_t i = 0; i < room->requests_max(); ++i) {
    BOOST_REQUIRE(room->take(1));
  }
  const auto refused = send<outcome>(good());
  BOOST_TEST(refused->code() == errc::overloaded);
  BOOST_TEST((refused->error.retry_after == 50ms));
  BOOST_TEST(refused->error.detail.find("50 ms") != std::string::npos);
  BOOST_TEST(room->requests() == room->requests_max());
  BOOST_TEST(send<outcome>(urgent(good()))->value.has_value());
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value()); // Queries have room of their own.
  room->give_back(2, 100);
  BOOST_TEST(send<outcome>(good())->value.has_value());
}

BOOST_AUTO_TEST_CASE(queries_that_wait_are_bounded_by_the_number_of_readers_and_pages_are_among_them) {
  fill_readers(199);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value());
  BOOST_TEST(send<row_page>(page_query{select("SELECT 1"), 10})->value.has_value());
  BOOST_TEST(board->waiting_queries() == 199u);
  fill_readers(1);
  const auto refused = send<row_set>(select("SELECT 1"));
  BOOST_TEST(refused->code() == errc::overloaded);
  BOOST_TEST((refused->error.retry_after == 50ms));
  BOOST_TEST(refused->error.detail.find("200 queries with") != std::string::npos);
  BOOST_TEST(send<row_page>(page_query{select("SELECT 1"), 10})->code() == errc::overloaded);
  BOOST_TEST(send<row_page>(page_cursor{select("SELECT 1"), 10})->code() == errc::overloaded);
  BOOST_TEST(send<outcome>(good())->value.has_value());
  board->waiting_requests()->room().give_back(1, 0);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value());
}

BOOST_AUTO_TEST_CASE(queries_that_wait_in_the_queue_are_bounded_apart) {
  auto question = select("SELECT 1");
  question.consistency = consistency::linearizable;
  for (int i = 0; i < 100; ++i) {
    BOOST_REQUIRE(send<row_set>(question)->value.has_value());
  }
  BOOST_TEST(board->queue_room().bytes() == 100 * payload_bytes(question.statement));
  BOOST_TEST(send<row_set>(question)->code() == errc::overloaded);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value());
  board->connect("queue", queue); // As after a restart.
  fill_readers(199);
  BOOST_TEST(send<row_set>(question)->value.has_value());
  fill_readers(1); // Nobody could answer what the queue lets go.
  BOOST_TEST(send<row_set>(question)->code() == errc::overloaded);
  board->waiting_requests()->room().give_back(1, 0);
  BOOST_TEST(send<row_set>(question)->value.has_value());
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
  BOOST_TEST(room->requests() == 0);
  BOOST_TEST(room->bytes() == 0);
  BOOST_TEST(board->waiting_queries() == 0);
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
  BOOST_TEST(send<client_id>(client_id_request{})->code() == errc::shutting_down);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->code() == errc::shutting_down);
  fill_readers(200); // That is not what is in the way.
  auto linearizable = select("SELECT 1");
  linearizable.consistency = consistency::linearizable;
  BOOST_TEST(send<row_set>(linearizable)->code() == errc::shutting_down);
  BOOST_TEST(send<health_report>(health_request{})->value.has_value());
  board->connect("monitor", nullptr);
  BOOST_TEST(send<health_report>(health_request{})->code() == errc::shutting_down);
  BOOST_TEST(room->requests() == 0);
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

BOOST_AUTO_TEST_CASE(pages_go_to_a_reader_and_later_ones_to_the_reader_that_has_them_if_it_is_up) {
  const auto page = send<row_page>(page_query{select("SELECT 1"), 10});
  BOOST_TEST(page->value.has_value());
  BOOST_REQUIRE_EQUAL(first_pages.size(), 1);
  BOOST_TEST((first_pages[0].second.question == page_query{select("SELECT 1"), 10}));
  const page_cursor position{.question = select("SELECT 1"), .page_rows = 10, .reader = 1, .number = 3};
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(send<row_page>(position)->value.has_value());
    BOOST_TEST(next_pages.back().first == 2);
    BOOST_TEST((next_pages.back().second.position == position));
  }
  board->connect("reader-2", nullptr);
  BOOST_TEST(send<row_page>(position)->value.has_value());
  BOOST_TEST(next_pages.back().first == 1);
  board->connect("reader-1", nullptr);
  BOOST_TEST(send<row_page>(position)->code() == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(the_deadline_of_a_page_counts_from_when_the_front_takes_it) {
  auto question = select("SELECT 1");
  question.deadline = 60s;
  const auto before = std::chrono::steady_clock::now();
  send<row_page>(page_query{question, 10});
  send<row_page>(page_cursor{.question = question, .page_rows = 10});
  const auto after = std::chrono::steady_clock::now();
  BOOST_TEST((first_pages.at(0).second.deadline >= before + 60s && first_pages.at(0).second.deadline <= after + 60s));
  BOOST_TEST((next_pages.at(0).second.deadline >= before + 60s && next_pages.at(0).second.deadline <= after + 60s));
}

BOOST_AUTO_TEST_CASE(a_page_that_breaks_a_limit_is_refused) {
  BOOST_TEST(send<row_page>(page_query{select("SELECT 1"), 0})->code() == errc::too_large);
  BOOST_TEST(send<row_page>(page_cursor{.question = select("SELECT 1")})->code() == errc::too_large);
  BOOST_TEST(first_pages.empty());
  BOOST_TEST(next_pages.empty());
}

BOOST_AUTO_TEST_CASE(an_open_breaker_refuses_what_is_to_be_applied_and_lets_the_rest_through) {
  open(*settings.transactions);
  const auto refused = send<outcome>(good());
  BOOST_TEST(refused->code() == errc::breaker_open);
  BOOST_TEST((refused->error.retry_after > 59min));
  BOOST_TEST(refused->error.detail.find("transactions") != std::string::npos);
  BOOST_TEST(send<outcome>(durable(good()))->value.has_value());
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value());
  BOOST_TEST(accepted.size() == 1);
  BOOST_TEST(room->requests() == 1);
}

BOOST_AUTO_TEST_CASE(an_open_breaker_for_queries_refuses_queries_and_pages_and_lets_transactions_through) {
  open(*settings.queries);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->code() == errc::breaker_open);
  BOOST_TEST(send<row_page>(page_query{select("SELECT 1"), 10})->code() == errc::breaker_open);
  BOOST_TEST(send<row_page>(page_cursor{.question = select("SELECT 1"), .page_rows = 10})->code()
             == errc::breaker_open);
  BOOST_TEST(send<outcome>(good())->value.has_value());
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(a_fallback_answers_in_place_of_an_open_breaker) {
  settings.transaction_fallback = [](const transaction& work) -> std::optional<tl::expected<outcome, failure>> {
    if (work.statements.size() == 1) {
      return outcome{.seq = 123, .results = {}};
    }
    return work.statements.size() == 2 ? std::optional{tl::unexpected{failure{errc::constraint, "from elsewhere"}}}
                                       : std::nullopt;
  };
  settings.query_fallback = [](const query&) -> std::optional<tl::expected<row_set, failure>> { return row_set{}; };
  tested = spawn_front(system, settings);
  BOOST_TEST(send<outcome>(good())->value->seq == 1);
  open(*settings.transactions);
  open(*settings.queries);
  BOOST_TEST(send<outcome>(good())->value->seq == 123);
  BOOST_TEST(send<outcome>(good().add("DELETE FROM t"))->error.detail == "from elsewhere");
  BOOST_TEST(send<outcome>(good().add("DELETE FROM t").add("DELETE FROM t"))->code() == errc::breaker_open);
  BOOST_TEST(send<row_set>(select("SELECT 1"))->value.has_value());
  BOOST_TEST(asked.empty());
  BOOST_TEST(settings.transactions->health(breaker::clock::now()).refused == 3);
}

BOOST_AUTO_TEST_CASE(what_a_fallback_answered_is_not_answered_again) {
  settings.transaction_fallback = [](const transaction&) { return outcome{.seq = 123, .results = {}}; };
  tested = spawn_front(system, settings);
  open(*settings.transactions);
  caf::scoped_actor self{system};
  int answers = 0;
  self->request(tested, caf::infinite, good())
    .receive([&answers](const outcome&) { ++answers; }, [](const caf::error&) {});
  BOOST_TEST(answers == 1);
  BOOST_TEST(self->mailbox().empty());
}

BOOST_AUTO_TEST_CASE(a_fallback_that_throws_counts_as_none) {
  settings.transaction_fallback = [](const transaction&) -> std::optional<tl::expected<outcome, failure>> {
    throw std::runtime_error{"out of order"};
  };
  tested = spawn_front(system, settings);
  open(*settings.transactions);
  const auto refused = send<outcome>(good());
  BOOST_TEST(refused->count == 1);
  BOOST_TEST(refused->code() == errc::breaker_open);
}

BOOST_AUTO_TEST_CASE(urgent_transactions_overtake_bulk_ones_and_every_answer_finds_its_asker) {
  std::vector<std::shared_ptr<reply<outcome>>> answers;
  for (int i = 0; i < 3; ++i) {
    answers.push_back(ask<outcome>(tested, execute("bulk", i)));
  }
  answers.push_back(ask<outcome>(tested, urgent(execute("urgent"))));
  scheduler.run();
  BOOST_REQUIRE_EQUAL(accepted.size(), 4);
  BOOST_TEST(accepted[0].work.statements[0].sql == "urgent");
  for (const auto& one : answers) {
    BOOST_TEST(one->count == 1);
    BOOST_TEST(one->value.has_value());
  }
  BOOST_TEST(answers[3]->value->seq == 1);
}

BOOST_AUTO_TEST_CASE(an_urgent_transaction_of_a_blocking_actor_is_answered) {
  caf::scoped_actor self{system};
  std::uint64_t seq = 0;
  auto pending = self->request(tested, caf::infinite, urgent(good()));
  scheduler.run();
  pending.receive([&seq](const outcome& done) { seq = done.seq; },
                  [](const caf::error& problem) { BOOST_ERROR(caf::to_string(problem)); });
  auto at_high_priority = self->request<caf::message_priority::high>(tested, caf::infinite, urgent(good()));
  scheduler.run();
  at_high_priority.receive([&seq](const outcome& done) { seq += done.seq; },
                           [](const caf::error& problem) { BOOST_ERROR(caf::to_string(problem)); });
  BOOST_TEST(seq == 3);
}

BOOST_AUTO_TEST_CASE(an_urgent_transaction_that_fails_or_dies_with_the_queue_is_answered_too) {
  board->connect("queue", track(system.spawn([](caf::event_based_actor*) -> caf::behavior {
                   return {[](const admitted_transaction&) -> caf::result<outcome> {
                     return to_error({errc::constraint, "injected"});
                   }};
                 })));
  BOOST_TEST(send<outcome>(urgent(good()))->code() == errc::constraint);
  board->connect("queue", track(system.spawn([](caf::event_based_actor* self) -> caf::behavior {
                   return {[self](const admitted_transaction&) {
                     self->quit(caf::exit_reason::user_shutdown);
                     return outcome{};
                   }};
                 })));
  const auto last = ask<outcome>(tested, urgent(good()));
  const auto bounced = ask<outcome>(tested, urgent(good()));
  scheduler.run();
  BOOST_TEST(last->value.has_value());
  BOOST_TEST(bounced->count == 1);
  BOOST_TEST(bounced->code() == errc::outcome_unknown);
}

BOOST_AUTO_TEST_SUITE_END()
