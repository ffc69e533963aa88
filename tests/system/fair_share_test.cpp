/// Programs that ask for more than a server can give at once, beside others.

#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/actors/endless.hpp>
#include <millrace/tests/support/network/remote_config.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/process/server.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// Of which `--transaction-seconds 1` allows each, and not many.
transaction slow_transaction() {
  return transaction{
    {{"INSERT INTO t(number) SELECT count(*) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 "
      "FROM c LIMIT 800000) SELECT n FROM c)"}}};
}

transaction quick_transaction() {
  return transaction{{{"INSERT INTO t(number) VALUES (1)"}}};
}

/// A program with one connection, which sends nothing again.
class asking_program {
public:
  explicit asking_program(const server& to) {
    auto made = network::connect(system_, {.url = "millrace://" + to.address()});
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error()));
    engine_.emplace(std::move(*made));
    self_.emplace(system_);
    for (int i = 0; i < 4'000 && !engine_->connected(); ++i) {
      std::this_thread::sleep_for(5ms);
    }
    BOOST_REQUIRE(engine_->connected());
  }

  static query within(std::chrono::milliseconds time, query question) {
    question.deadline = time;
    return question;
  }

  void ask(const query& question) {
    auto handle = (*self_)->request(engine_->front(), 2min, question);
    pending_.push_back(std::move(handle));
  }

  /// What the question that was asked so many before the last one was answered with.
  errc hear(std::size_t index) {
    auto told = errc::none;
    pending_.at(index).receive([](const row_set&) {}, [&](const caf::error& why) { told = failure_of(why).code; });
    return told;
  }

  errc ask_and_hear(const query& question) {
    auto told = errc::none;
    (*self_)
      ->request(engine_->front(), 2min, question)
      .receive([](const row_set&) {}, [&](const caf::error& why) { told = failure_of(why).code; });
    return told;
  }

  void send(const transaction& work) { sent_.push_back((*self_)->request(engine_->front(), 2min, work)); }

  /// What so many transactions were answered with, the oldest first.
  std::vector<errc> hear_outcomes(std::size_t count) {
    std::vector<errc> told;
    for (; told.size() < count; sent_.pop_front()) {
      sent_.front().receive([&](const outcome&) { told.push_back(errc::none); },
                            [&](const caf::error& why) { told.push_back(failure_of(why).code); });
    }
    return told;
  }

private:
  using outcome_handle = decltype(std::declval<caf::scoped_actor&>()->request(std::declval<const engine_actor&>(), 2min,
                                                                              std::declval<const transaction&>()));
  using answer_handle = decltype(std::declval<caf::scoped_actor&>()->request(std::declval<const engine_actor&>(), 2min,
                                                                             std::declval<const query&>()));

  remote_config config_;
  caf::actor_system system_{config_};
  std::optional<network::remote_engine> engine_;
  std::optional<caf::scoped_actor> self_;
  std::vector<answer_handle> pending_;
  std::deque<outcome_handle> sent_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(fair_share_suite)

BOOST_AUTO_TEST_CASE(a_program_with_many_endless_queries_does_not_keep_another_one_from_being_answered) {
  const temporary_folder folder;
  server served{folder.path() / "data"};
  {
    asking_program greedy{served};
    asking_program modest{served};
    for (int i = 0; i < 40; ++i) {
      greedy.ask(asking_program::within(20s, endless()));
    }
    // Until the others have certainly come.
    for (const auto end = std::chrono::steady_clock::now() + 5s; std::chrono::steady_clock::now() < end;) {
      BOOST_TEST(modest.ask_and_hear(asking_program::within(10s, select("SELECT 1"))) == errc::none);
    }
    // Which one of those in the readers began first is chance.
    std::set<errc> told;
    for (std::size_t i = 0; i < 40 && !told.contains(errc::lease_expired); ++i) {
      told.insert(greedy.hear(i));
    }
    BOOST_TEST(told.contains(errc::lease_expired));
  }
  BOOST_TEST(served.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_CASE(what_a_program_that_was_quick_sends_at_once_does_not_hold_the_writer_until_all_of_it_is_applied) {
  const temporary_folder folder;
  server served{folder.path() / "data", {"--transaction-seconds", "1"}};
  {
    asking_program sudden{served};
    asking_program modest{served};
    for (int i = 0; i < 20; ++i) {
      sudden.send(quick_transaction());
      BOOST_TEST((sudden.hear_outcomes(1) == std::vector{errc::none}));
    }
    constexpr std::size_t burst = 100;
    for (std::size_t i = 0; i < burst; ++i) {
      sudden.send(slow_transaction());
    }
    for (int i = 0; i < 3; ++i) {
      modest.send(quick_transaction());
      BOOST_TEST((modest.hear_outcomes(1) == std::vector{errc::none}));
    }
    const auto told = sudden.hear_outcomes(burst);
    BOOST_TEST(std::ranges::count(told, errc::deadline_exceeded) > 0);
  }
  BOOST_TEST(served.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_CASE(a_query_is_told_that_its_time_is_over_while_all_readers_are_in_longer_ones) {
  const temporary_folder folder;
  server served{folder.path() / "data"};
  {
    asking_program asks{served};
    const auto asked = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) {
      asks.ask(asking_program::within(25s, endless()));
    }
    BOOST_TEST(asks.ask_and_hear(asking_program::within(300ms, select("SELECT 1"))) == errc::deadline_exceeded);
    // Not a measurement: no reader is done with its first query before.
    BOOST_TEST((std::chrono::steady_clock::now() - asked < 20s));
  }
  BOOST_TEST(served.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_CASE(large_answers_that_are_asked_for_at_once_all_arrive_one_after_the_other) {
  const temporary_folder folder;
  server served{folder.path() / "data"};
  {
    asking_program asks{served};
    const auto large = select(
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT zeroblob(8000000) FROM c");
    constexpr std::size_t answers = 30; // Of 24 MB each; 96 MiB may wait to be read.
    for (std::size_t i = 0; i < answers; ++i) {
      asks.ask(asking_program::within(30s, large));
    }
    for (std::size_t i = 0; i < answers; ++i) {
      BOOST_TEST(asks.hear(i) == errc::none);
    }
  }
  BOOST_TEST(served.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
