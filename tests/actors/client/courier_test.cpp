#include "fake_front.hpp"

#include <millrace/actors/client/courier.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>

#include <cstdint>
#include <vector>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// A courier on virtual time in front of a fake.
struct courier_fixture : actor_fixture {
  fake_front front;
  engine_actor address = track(front.spawn(system));
  courier_actor tested;

  courier_fixture() { start({}); }
  ~courier_fixture() { end_all(); }

  void start(courier_options settings) { tested = track(spawn_courier(system, address, settings)); }

  std::shared_ptr<reply<outcome>> send(transaction work = execute("x")) {
    auto pending = ask<outcome>(tested, std::move(work));
    scheduler.run();
    return pending;
  }
  std::shared_ptr<reply<row_set>> send(query question) {
    auto pending = ask<row_set>(tested, std::move(question));
    scheduler.run();
    return pending;
  }

  /// The transactions up to the given one are refused like this, later ones are answered.
  void refuse_first(std::size_t times, errc code) {
    front.on_transaction = [=](const transaction& work, std::size_t nth) -> fake_front::verdict {
      if (nth <= times) {
        return refused(code);
      }
      return outcome{.seq = work.name.number, .results = {}};
    };
  }
  /// The same, but those are not answered at all.
  void keep_first(std::size_t times) {
    front.on_transaction = [=](const transaction& work, std::size_t nth) -> fake_front::verdict {
      if (nth <= times) {
        return std::nullopt;
      }
      return outcome{.seq = work.name.number, .results = {}};
    };
  }
};

using numbers = std::vector<std::uint64_t>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(courier_suite, courier_fixture)

BOOST_AUTO_TEST_CASE(what_comes_in_is_named_sent_on_and_answered) {
  const auto first = send();
  const auto second = send();
  const auto question = send(select("y"));
  BOOST_TEST(first->value->seq == 1);
  BOOST_TEST(second->value->seq == 2);
  BOOST_TEST(question->value.has_value());
  const auto sent = front.transactions();
  BOOST_TEST((front.numbers() == numbers{1, 2}));
  BOOST_TEST((sent[0].name.client == sent[1].name.client));
  BOOST_TEST(issued_at_seq(sent[0].name.client) == 1);
  BOOST_TEST(front.ids_asked() == 1);
}

BOOST_AUTO_TEST_CASE(until_there_is_an_id_transactions_wait_in_their_order) {
  front.on_id = [](std::size_t nth) -> fake_front::verdict {
    return nth == 1 ? fake_front::verdict{} : refused(errc::overloaded, 20ms);
  };
  const auto a = send(execute("a"));
  auto named = execute("b");
  named.name = {uuid{1}, 77};
  const auto b = send(named);
  const auto question = send(select("y"));
  BOOST_TEST(front.numbers().empty());
  BOOST_TEST(question->value.has_value());
  pass(16s); // The first question for an id was not answered.
  BOOST_TEST(front.ids_asked() > 1);
  front.on_id = [](std::size_t) { return outcome{}; };
  const auto c = send(execute("c"));
  pass(2s);
  BOOST_TEST((front.numbers() == numbers{1, 77, 4}));
  for (const auto& one : {a, b, c}) {
    BOOST_TEST(one->count == 1);
    BOOST_TEST(one->value.has_value());
  }
}

BOOST_AUTO_TEST_CASE(what_has_a_name_does_not_wait_for_an_id_that_nobody_wants) {
  front.on_id = [](std::size_t) { return std::nullopt; };
  auto named = execute("b");
  named.name = {uuid{1}, 77};
  BOOST_TEST(send(named)->value.has_value());
  BOOST_TEST(front.ids_asked() == 0);
}

BOOST_AUTO_TEST_CASE(where_there_is_no_id_to_be_had_what_wants_a_name_is_told_and_the_rest_goes_on) {
  front.on_id = [](std::size_t) { return std::nullopt; };
  const auto nameless = send();
  auto named = execute("b");
  named.name = {uuid{1}, 77};
  const auto other = send(named);
  front.on_id = [](std::size_t) -> fake_front::verdict { return refused(errc::version_mismatch); };
  pass(16s);
  BOOST_TEST(nameless->count == 1);
  BOOST_TEST(nameless->code() == errc::version_mismatch);
  BOOST_TEST(other->value.has_value());
  BOOST_TEST((front.numbers() == numbers{77}));
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_an_id_longer_than_his_patience) {
  start({.patience = 4s});
  front.on_id = [](std::size_t) { return std::nullopt; };
  const auto first = send();
  pass(2s);
  const auto second = send();
  pass(1'950ms);
  BOOST_TEST(first->count == 0);
  pass(100ms);
  BOOST_TEST(first->code() == errc::unavailable);
  BOOST_TEST(second->count == 0);
  pass(2s);
  BOOST_TEST(second->count == 1);
  BOOST_TEST(second->code() == errc::unavailable);
  BOOST_TEST(front.numbers().empty());
}

BOOST_AUTO_TEST_CASE(before_it_ends_it_answers_what_waits_for_an_id) {
  front.on_id = [](std::size_t) { return std::nullopt; };
  const auto waiting = send();
  caf::anon_send_exit(tested, caf::exit_reason::kill);
  scheduler.run();
  BOOST_TEST(waiting->count == 1);
  BOOST_TEST(waiting->code() == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(all_whose_name_is_forgotten_wait_for_one_new_id_and_keep_their_order) {
  BOOST_TEST(send()->value.has_value());
  keep_first(3);
  const auto a = send();
  const auto b = send(); // Both are under way.
  front.on_transaction = [](const transaction& work, std::size_t) -> fake_front::verdict {
    return issued_at_seq(work.name.client) == 1 ? refused(errc::name_forgotten)
                                                : fake_front::verdict{outcome{.seq = work.name.number, .results = {}}};
  };
  pass(16s); // Nobody knows what became of them, so they are not renamed.
  BOOST_TEST(a->code() == errc::name_forgotten);
  BOOST_TEST(b->code() == errc::name_forgotten);
  const auto c = ask<outcome>(tested, execute("c"));
  const auto d = ask<outcome>(tested, execute("d"));
  scheduler.run();
  BOOST_TEST(c->value->seq == 4);
  BOOST_TEST(d->value->seq == 5);
  BOOST_TEST(front.ids_asked() == 2);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_given_is_kept_at_every_attempt) {
  const transaction_name given{new_client_id(0), 77};
  refuse_first(2, errc::outcome_unknown);
  auto work = execute("x");
  work.name = given;
  const auto done = send(work);
  pass(1s);
  BOOST_TEST(done->value.has_value());
  BOOST_TEST((front.numbers() == numbers{77, 77, 77}));
  BOOST_TEST((front.transactions()[2].name == given));
}

BOOST_AUTO_TEST_CASE(what_is_unknown_or_retryable_is_sent_again_until_it_is_answered) {
  for (const auto code : {errc::outcome_unknown, errc::overloaded, errc::unavailable, errc::breaker_open}) {
    const auto before = front.numbers().size();
    refuse_first(before + 3, code);
    const auto done = send();
    pass(5s);
    BOOST_TEST(done->count == 1, name(code));
    BOOST_TEST(done->value.has_value(), name(code));
    BOOST_TEST(front.numbers().size() == before + 4, name(code));
  }
}

BOOST_AUTO_TEST_CASE(what_was_rejected_is_not_sent_again_nor_what_a_closing_engine_refused) {
  for (const auto code : {errc::constraint, errc::quarantined, errc::shutting_down}) {
    const auto before = front.numbers().size();
    refuse_first(before + 1, code);
    const auto done = send();
    pass(2s);
    BOOST_TEST(done->code() == code);
    BOOST_TEST(front.numbers().size() == before + 1);
  }
}

BOOST_AUTO_TEST_CASE(a_request_that_nobody_answers_is_sent_again_and_a_late_answer_changes_nothing) {
  keep_first(1);
  const auto done = send();
  pass(14s);
  BOOST_TEST((front.numbers() == numbers{1}));
  pass(2s);
  BOOST_TEST((front.numbers() == numbers{1, 1}));
  BOOST_TEST(done->value->seq == 1);
  front.answer_kept({.seq = 99, .results = {}});
  scheduler.run();
  BOOST_TEST(done->count == 1);
  BOOST_TEST(done->value->seq == 1);
  BOOST_TEST(send()->value->seq == 2);
}

BOOST_AUTO_TEST_CASE(an_answer_to_an_early_attempt_while_a_later_one_is_under_way_is_not_delivered_twice) {
  keep_first(2);
  const auto done = send();
  pass(16s);
  BOOST_REQUIRE((front.numbers() == numbers{1, 1}));
  front.answer_kept({.seq = 5, .results = {}}); // The first answer comes too late, the second in time.
  scheduler.run();
  BOOST_TEST(done->count == 1);
  BOOST_TEST(done->value->seq == 5);
  pass(60s);
  BOOST_TEST(done->count == 1);
  BOOST_TEST(front.numbers().size() == 2);
}

BOOST_AUTO_TEST_CASE(all_that_wait_are_sent_again_in_order_and_what_comes_meanwhile_goes_behind_them) {
  refuse_first(3, errc::outcome_unknown);
  const auto a = ask<outcome>(tested, execute("a"));
  const auto b = ask<outcome>(tested, execute("b"));
  const auto c = ask<outcome>(tested, execute("c"));
  scheduler.run();
  const auto d = send(execute("d"));
  BOOST_TEST((front.numbers() == numbers{1, 2, 3}));
  pass(100ms);
  BOOST_TEST((front.numbers() == numbers{1, 2, 3, 1, 2, 3, 4}));
  for (const auto& one : {a, b, c, d}) {
    BOOST_TEST(one->value.has_value());
  }
}

BOOST_AUTO_TEST_CASE(what_is_under_way_is_not_sent_again_with_what_waits) {
  front.on_transaction = [](const transaction& work, std::size_t nth) -> fake_front::verdict {
    if (nth == 1) {
      return std::nullopt;
    }
    return nth == 2 ? refused(errc::unavailable) : fake_front::verdict{outcome{.seq = work.name.number, .results = {}}};
  };
  const auto kept = send();
  const auto refused_once = send();
  pass(1s);
  BOOST_TEST(refused_once->value.has_value());
  BOOST_TEST((front.numbers() == numbers{1, 2, 2}));
  front.answer_kept({.seq = 1, .results = {}});
  scheduler.run();
  BOOST_TEST(kept->value.has_value());
}

BOOST_AUTO_TEST_CASE(the_waits_grow_and_the_engines_own_wish_is_honoured) {
  front.on_transaction = [](const transaction&, std::size_t nth) -> fake_front::verdict {
    return nth == 1 ? refused(errc::overloaded, 700ms) : refused(errc::overloaded);
  };
  send();
  pass(690ms);
  BOOST_TEST(front.numbers().size() == 1);
  pass(15ms); // The next wait is of 10 ms at least.
  BOOST_TEST(front.numbers().size() == 2);
  pass(20s);
  const auto then = front.numbers().size();
  BOOST_TEST(then < 60);
  pass(1'100ms);
  BOOST_TEST(front.numbers().size() > then);
}

BOOST_AUTO_TEST_CASE(when_the_patience_is_over_the_last_failure_is_told_where_nothing_can_have_happened) {
  start({.patience = 3s});
  refuse_first(1'000, errc::overloaded);
  const auto done = send();
  pass(4s);
  BOOST_TEST(done->count == 1);
  BOOST_TEST(done->code() == errc::overloaded);
  const auto attempts = front.numbers().size();
  pass(10s);
  BOOST_TEST(front.numbers().size() == attempts);
}

BOOST_AUTO_TEST_CASE(when_the_patience_is_over_and_an_attempt_was_not_answered_the_outcome_is_unknown) {
  start({.patience = 5s});
  front.on_transaction = [](const transaction&, std::size_t nth) -> fake_front::verdict {
    return nth == 1 ? fake_front::verdict{} : refused(errc::overloaded);
  };
  const auto refused_later = send();
  pass(6s);
  BOOST_TEST(refused_later->code() == errc::outcome_unknown);
  BOOST_TEST(front.numbers().size() > 1);
  keep_first(1'000);
  const auto never_answered = send();
  pass(6s);
  BOOST_TEST(never_answered->code() == errc::outcome_unknown);
}

BOOST_AUTO_TEST_CASE(a_query_never_leaves_a_doubt) {
  start({.patience = 3s});
  front.on_query = [](const query&, std::size_t nth) -> fake_front::verdict {
    return nth < 3 ? refused(errc::outcome_unknown) : fake_front::verdict{outcome{}};
  };
  const auto done = send(select("y"));
  pass(1s);
  BOOST_TEST(done->value.has_value());
  front.on_query = [](const query&, std::size_t) { return std::nullopt; };
  const auto lost = send(select("y"));
  pass(4s);
  BOOST_TEST(lost->count == 1);
  BOOST_TEST(lost->code() == errc::reader_failed);
}

BOOST_AUTO_TEST_CASE(a_query_that_fails_holds_no_other_query_back) {
  front.on_query = [](const query& question, std::size_t) -> fake_front::verdict {
    return question.statement.sql == "bad" ? refused(errc::lease_expired) : fake_front::verdict{outcome{}};
  };
  const auto bad = send(select("bad"));
  const auto good = send(select("good"));
  BOOST_TEST(bad->count == 0);
  BOOST_TEST(good->value.has_value());
}

BOOST_AUTO_TEST_CASE(a_query_is_given_as_long_as_its_deadline_allows) {
  front.on_query = [](const query&, std::size_t) { return std::nullopt; };
  auto question = select("y");
  question.deadline = 40s;
  send(question);
  pass(40s);
  BOOST_TEST(front.queries().size() == 1);
  pass(2s);
  BOOST_REQUIRE_EQUAL(front.queries().size(), 2);
  BOOST_TEST(front.queries()[1].deadline.count() < 0);
}

BOOST_AUTO_TEST_CASE(a_deadline_is_the_same_moment_at_every_attempt) {
  keep_first(1);
  auto work = execute("x");
  work.deadline = 30s;
  send(work);
  pass(16s);
  const auto sent = front.transactions();
  BOOST_REQUIRE_EQUAL(sent.size(), 2);
  BOOST_TEST((sent[0].deadline == 30s));
  BOOST_TEST((sent[1].deadline > 14s && sent[1].deadline <= 15s));
}

BOOST_AUTO_TEST_CASE(a_client_that_is_forgotten_takes_a_new_name_and_a_transaction_that_is_does_not) {
  const auto forgetful = [this](std::size_t nth_forgotten) {
    front.on_transaction = [=](const transaction& work, std::size_t nth) -> fake_front::verdict {
      if (nth < nth_forgotten) {
        return refused(errc::outcome_unknown);
      }
      return nth == nth_forgotten ? refused(errc::name_forgotten)
                                  : fake_front::verdict{outcome{.seq = work.name.number, .results = {}}};
    };
  };
  forgetful(1);
  const auto done = send();
  BOOST_TEST(done->value.has_value());
  const auto sent = front.transactions();
  BOOST_REQUIRE_EQUAL(sent.size(), 2);
  BOOST_TEST((sent[0].name.client != sent[1].name.client));
  forgetful(4);
  const auto resent = send(); // The third to arrive, and the fourth.
  pass(1s);
  BOOST_TEST(resent->code() == errc::name_forgotten);
  BOOST_TEST((front.transactions()[2].name.client == sent[1].name.client));
}

BOOST_AUTO_TEST_CASE(more_than_it_may_hold_is_overloaded_at_once) {
  start({.unanswered_max = 2});
  keep_first(2);
  const auto a = send();
  const auto b = send();
  BOOST_TEST(send()->code() == errc::overloaded);
  BOOST_TEST(send(select("y"))->code() == errc::overloaded);
  front.answer_kept({.seq = 1, .results = {}});
  scheduler.run();
  BOOST_TEST(a->value.has_value());
  BOOST_TEST(b->value.has_value());
  BOOST_TEST(send()->value.has_value());
}

BOOST_AUTO_TEST_CASE(before_it_ends_it_answers_what_is_left) {
  for (const auto reason : {caf::exit_reason::kill, caf::exit_reason::user_shutdown}) {
    start({});
    front.on_transaction = [](const transaction& work, std::size_t) -> fake_front::verdict {
      return work.statements[0].sql == "refused" ? refused(errc::overloaded, 500ms) : fake_front::verdict{};
    };
    front.on_query = [](const query&, std::size_t) { return std::nullopt; };
    const auto under_way = send(execute("x"));
    const auto waiting = send(execute("refused"));
    const auto held = send(execute("x"));
    const auto question = send(select("y"));
    caf::anon_send_exit(tested, reason);
    scheduler.run();
    BOOST_TEST(under_way->code() == errc::outcome_unknown);
    BOOST_TEST(waiting->code() == errc::unavailable);
    BOOST_TEST(held->code() == errc::unavailable);
    BOOST_TEST(question->code() == errc::unavailable);
    for (const auto& one : {under_way, waiting, held}) {
      BOOST_TEST(one->count == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_front_that_is_gone_is_tried_until_the_patience_is_over) {
  start({.patience = 2s});
  BOOST_TEST(send()->value.has_value());
  kill(address);
  const auto done = send();
  const auto question = send(select("y"));
  pass(3s);
  BOOST_TEST(done->code() == errc::outcome_unknown);
  BOOST_TEST(question->code() == errc::reader_failed);
}

BOOST_AUTO_TEST_SUITE_END()
