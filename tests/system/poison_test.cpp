#include "poison_process.hpp"

#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>

#include <csignal>

#include <caf/scoped_actor.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::uint32_t deaths_max = 3;

struct poison_fixture {
  temporary_folder folder;

  std::filesystem::path data() const { return folder.path() / "data"; }

  ending run(poison_task task, bool deadly) {
    const poison_process process{.data = data(), .task = task, .deadly = deadly};
    return role::start(poison_role, process.arguments()).wait();
  }

  /// Lets as many processes die as it takes until the poison is set aside.
  void poison_the_folder() {
    for (std::uint32_t death = 1; death <= deaths_max; ++death) {
      const auto how = run(death == 1 ? poison_task::fill : poison_task::serve, true);
      BOOST_REQUIRE_MESSAGE(how.signal == SIGABRT, "process " << death << ": " << how.code << ", " << how.err);
    }
    const auto survivor = run(poison_task::serve, true);
    BOOST_REQUIRE_MESSAGE(survivor.code == 0, survivor.signal << ", " << survivor.err);
  }

  options settings() const {
    options result;
    result.data = data();
    return result;
  }

  static std::vector<quarantined_transaction> quarantine(opened& served) {
    std::vector<quarantined_transaction> entries;
    caf::scoped_actor self{served.system()};
    self->request(served.served().operations(), std::chrono::minutes{1}, quarantine_list{})
      .receive([&](quarantine_listing& found) { entries = std::move(found.entries); },
               [](const caf::error& why) { BOOST_ERROR(to_string(failure_of(why))); });
    return entries;
  }

  static errc discard(opened& served, std::uint64_t seq) {
    errc result = errc::none;
    caf::scoped_actor self{served.system()};
    self->request(served.served().operations(), std::chrono::minutes{1}, quarantine_discard{seq})
      .receive([](const outcome&) {}, [&](const caf::error& why) { result = failure_of(why).code; });
    return result;
  }

  /// All ordinary ones are there, once each and in order.
  static void check_ordinary(opened& served) {
    std::vector<std::int64_t> numbers;
    served.each_row("SELECT rowid, number FROM entry WHERE number < 1000 AND rowid > ?1 ORDER BY rowid",
                    [&](const row& one) { numbers.push_back(one[1].as_integer()); });
    BOOST_REQUIRE_EQUAL(numbers.size(), ordinary_transactions);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      BOOST_TEST(numbers[i] == static_cast<std::int64_t>(i) + 1);
    }
  }
};

} // namespace

/// A transaction that ends the whole process each time it is tried.
BOOST_FIXTURE_TEST_SUITE(poison_suite, poison_fixture)

BOOST_AUTO_TEST_CASE(what_ended_three_processes_is_set_aside_and_all_others_are_applied_once) {
  poison_the_folder();
  opened served{settings()};
  check_ordinary(served);
  BOOST_TEST(served.number("SELECT count(*) FROM entry WHERE number >= 1000") == 0);
  const auto entries = quarantine(served);
  BOOST_REQUIRE_EQUAL(entries.size(), 1u);
  BOOST_TEST(entries[0].deaths == deaths_max);
  BOOST_TEST(entries[0].work.statements.at(0).sql == "INSERT INTO entry(number) SELECT 1000 + regexp()");
  served.check_integrity();
}

BOOST_AUTO_TEST_CASE(what_was_set_aside_is_applied_once_when_it_is_resubmitted_where_it_does_no_harm) {
  poison_the_folder();
  const auto how = run(poison_task::resubmit, false);
  BOOST_REQUIRE_MESSAGE(how.code == 0, how.err);
  opened served{settings()};
  check_ordinary(served);
  BOOST_TEST(served.number("SELECT count(*) FROM entry WHERE number = 1007") == 1);
  BOOST_TEST(quarantine(served).empty());
}

BOOST_AUTO_TEST_CASE(what_was_set_aside_and_is_discarded_is_gone_without_an_effect) {
  poison_the_folder();
  {
    opened served{settings()};
    const auto entries = quarantine(served);
    BOOST_REQUIRE_EQUAL(entries.size(), 1u);
    BOOST_TEST((discard(served, entries[0].seq) == errc::none));
    BOOST_TEST((discard(served, entries[0].seq) == errc::not_found));
  }
  opened again{settings()};
  BOOST_TEST(quarantine(again).empty());
  check_ordinary(again);
  BOOST_TEST(again.number("SELECT count(*) FROM entry WHERE number >= 1000") == 0);
}

BOOST_AUTO_TEST_CASE(a_resubmitted_one_that_is_deadly_still_ends_no_more_than_three_further_processes) {
  poison_the_folder();
  BOOST_TEST(run(poison_task::resubmit, true).signal == SIGABRT);
  for (std::uint32_t death = 2; death <= deaths_max; ++death) {
    BOOST_TEST(run(poison_task::serve, true).signal == SIGABRT);
  }
  BOOST_TEST(run(poison_task::serve, true).code == 0);
  opened served{settings()};
  check_ordinary(served);
  BOOST_TEST(quarantine(served).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
