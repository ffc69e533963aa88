#include "fake_front.hpp"

#include <millrace/actors/client/async_client.hpp>
#include <millrace/tests/support/printing.hpp>

#include <future>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct async_fixture {
  system_config config;
  caf::actor_system system{config};
  fake_front front;
  engine_actor address = front.spawn(system);
  std::optional<async_client> tested{std::in_place, system, address};

  ~async_fixture() { front.end(system); }

  void keep_all() {
    front.on_transaction = [](const transaction&, std::size_t) { return std::nullopt; };
    front.on_query = [](const query&, std::size_t) { return std::nullopt; };
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(async_client_suite, async_fixture)

BOOST_AUTO_TEST_CASE(many_threads_have_many_requests_under_way_and_each_gets_its_own_answer) {
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 500;
  std::vector<std::set<std::uint64_t>> seqs(threads);
  std::vector<std::thread> all;
  for (auto& mine : seqs) {
    all.emplace_back([this, &mine] {
      std::vector<std::future<expected<outcome>>> answers;
      for (std::size_t i = 0; i < each; ++i) {
        answers.push_back(tested->execute("x", i));
      }
      for (auto& one : answers) {
        mine.insert(one.get().value().seq);
      }
    });
  }
  std::set<std::uint64_t> together;
  for (std::size_t i = 0; i < threads; ++i) {
    all[i].join();
    together.merge(seqs[i]);
  }
  BOOST_TEST(together.size() == threads * each);
}

BOOST_AUTO_TEST_CASE(queries_and_transactions_are_answered_and_refused_by_value) {
  front.on_transaction = [](const transaction&, std::size_t) { return refused(errc::constraint); };
  BOOST_TEST(tested->execute("x").get().error().code == errc::constraint);
  BOOST_TEST(tested->query("y").get().has_value());
  BOOST_REQUIRE_EQUAL(front.queries().size(), 1);
  BOOST_TEST(front.queries()[0].statement.sql == "y");
}

BOOST_AUTO_TEST_CASE(what_is_unknown_is_sent_again_under_the_same_name) {
  front.on_transaction = [](const transaction& work, std::size_t nth) -> fake_front::verdict {
    return nth == 1 ? refused(errc::outcome_unknown)
                    : fake_front::verdict{outcome{.seq = work.name.number, .results = {}}};
  };
  BOOST_TEST(tested->execute("x").get().value().seq == 1);
  BOOST_TEST(front.transactions().size() == 2);
}

BOOST_AUTO_TEST_CASE(one_that_ends_leaves_no_future_without_an_answer) {
  keep_all();
  auto work = tested->execute("x");
  auto question = tested->query("y");
  while (front.transactions().empty()) { // Before that it waits for an id, and was certainly not sent.
    std::this_thread::yield();
  }
  tested.reset();
  const auto unknown = work.get();
  BOOST_TEST(unknown.error().code == errc::outcome_unknown);
  BOOST_TEST(unknown.error().detail == "the client ended before it was answered");
  BOOST_TEST(question.get().error().code == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(a_call_beyond_the_bound_waits_for_room_and_is_not_refused) {
  keep_all();
  tested.emplace(system, address, courier_options{.unanswered_max = 1});
  auto first = tested->execute("x");
  std::promise<void> begins;
  auto refusal = errc::none;
  std::thread second{[&] {
    begins.set_value();
    refusal = tested->query("y").get().error().code;
  }};
  begins.get_future().wait();
  front.on_query = [](const query&, std::size_t) { return refused(errc::bad_sql); };
  while (front.transactions().empty()) {
    std::this_thread::yield();
  }
  front.answer_kept({.seq = 9, .results = {}});
  BOOST_TEST(first.get().value().seq == 9);
  second.join();
  BOOST_TEST(refusal == errc::bad_sql);
}

BOOST_AUTO_TEST_SUITE_END()
