#include "queue_fixture.hpp"

#include <millrace/actors/base/invariant.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct invariant_fixture : queue_fixture {
  std::shared_ptr<reply<outcome>> first;
  std::shared_ptr<reply<outcome>> second;

  invariant_fixture() {
    start();
    start_writer();
    first = send(insert(1));
    second = send(insert(2));
    scheduler.run();
  }

  /// The writer reports outcomes with these `seq`s, as of what begins at `first_seq`.
  void report(std::uint64_t first_seq, std::vector<std::uint64_t> seqs) {
    auto answers = std::make_shared<std::vector<storage::answer>>();
    for (const auto seq : seqs) {
      answers->push_back(outcome{.seq = seq, .results = {}});
    }
    caf::send_as(writer, waq, batch_applied{first_seq, answers});
    scheduler.run();
  }

  void check_the_process_was_to_end() {
    BOOST_REQUIRE(fatal.size() == 1u);
    BOOST_TEST(fatal.front().starts_with("queue does not hold what it must"), fatal.front());
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(invariant_suite, invariant_fixture)

BOOST_AUTO_TEST_CASE(outcomes_that_stand_at_each_others_seq_end_the_process_and_are_no_answer) {
  report(1, {2, 1});
  check_the_process_was_to_end();
  BOOST_TEST(first->count == 1);
  BOOST_TEST((first->code() == errc::outcome_unknown));
  BOOST_TEST((second->code() == errc::outcome_unknown));
}

BOOST_AUTO_TEST_CASE(a_report_of_what_was_never_written_ends_the_process) {
  report(1, {1, 2, 3});
  check_the_process_was_to_end();
  BOOST_TEST((first->code() == errc::outcome_unknown));
  BOOST_TEST((second->code() == errc::outcome_unknown));
}

BOOST_AUTO_TEST_CASE(a_report_that_is_in_order_ends_nothing) {
  report(1, {1, 2});
  BOOST_TEST(fatal.empty());
  BOOST_TEST(second->value.value().seq == 2u);
}

BOOST_AUTO_TEST_CASE(any_other_exception_ends_the_actor_alone) {
  std::vector<std::string> told;
  caf::error ended;
  const auto one = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    end_process_where_broken(*self, [&](const std::string& why) { told.push_back(why); });
    return {[](int number) {
      if (number == 1) {
        throw std::runtime_error{"another"};
      }
      invariant(number == 2, "it is two");
    }};
  });
  one->attach_functor([&](const caf::error& why) { ended = why; });
  caf::anon_send(one, 2);
  scheduler.run();
  BOOST_TEST(!ended);
  caf::anon_send(one, 1);
  scheduler.run();
  BOOST_TEST(static_cast<bool>(ended));
  BOOST_TEST(told.empty());
}

BOOST_AUTO_TEST_SUITE_END()
