#include "fake_front.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// A blocking client before a fake front, on real threads.
struct client_fixture {
  system_config config;
  caf::actor_system system{config};
  fake_front front;
  engine_actor address = front.spawn(system);
  client tested{system, address};

  ~client_fixture() { end_front(); }

  void end_front() { front.end(system); }

  /// The transactions up to the given one are refused like this, later ones are answered.
  void refuse_first(std::size_t times, errc code) {
    front.on_transaction = [=](const transaction& work, std::size_t nth) -> fake_front::verdict {
      if (nth <= times) {
        return refused(code);
      }
      return outcome{.seq = work.name.number, .results = {}};
    };
  }
};

errc code_of(const tl::expected<outcome, failure>& answer) {
  return answer ? errc::none : answer.error().code;
}

using number_list = std::vector<std::uint64_t>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(client_suite, client_fixture)

BOOST_AUTO_TEST_CASE(each_transaction_is_named_and_the_names_of_two_clients_differ) {
  client other{system, address};
  BOOST_TEST((*tested.execute("x")).seq == 1);
  BOOST_TEST((*tested.execute("x")).seq == 2);
  BOOST_TEST((*other.execute("x")).seq == 1);
  const auto sent = front.transactions();
  BOOST_TEST((sent[0].name.client == sent[1].name.client));
  BOOST_TEST((sent[0].name.client != sent[2].name.client));
}

BOOST_AUTO_TEST_CASE(an_id_is_asked_for_before_the_first_name_and_again_where_it_may_not_have_been_heard) {
  BOOST_TEST(front.ids_asked() == 0);
  front.on_id = [](std::size_t nth) -> fake_front::verdict {
    return nth < 3 ? refused(nth == 1 ? errc::outcome_unknown : errc::unavailable) : fake_front::verdict{outcome{}};
  };
  BOOST_TEST(tested.execute("x").has_value());
  BOOST_TEST(tested.execute("x").has_value());
  BOOST_TEST(front.ids_asked() == 3);
  BOOST_TEST((front.numbers() == number_list{1, 2}));
  BOOST_TEST(issued_at_seq(front.transactions()[1].name.client) == 3);
}

BOOST_AUTO_TEST_CASE(without_an_id_nothing_is_sent_and_why_is_told) {
  client hasty{system, address, 200ms};
  front.on_id = [](std::size_t) { return std::nullopt; };
  BOOST_TEST(code_of(hasty.execute("x")) == errc::unavailable);
  front.on_id = [](std::size_t) -> fake_front::verdict { return refused(errc::version_mismatch); };
  BOOST_TEST(code_of(hasty.execute("x")) == errc::version_mismatch);
  BOOST_TEST(front.transactions().empty());
  auto work = execute("x");
  work.name = {uuid{1}, 9};
  BOOST_TEST(hasty.execute(work).has_value());
  front.on_id = [](std::size_t) { return outcome{}; };
  BOOST_TEST(hasty.execute("x").value().seq == 1);
}

BOOST_AUTO_TEST_CASE(an_id_is_issued_for_names_of_the_callers_own) {
  const auto issued = tested.issue_id();
  BOOST_REQUIRE(issued);
  BOOST_TEST(issued_at_seq(issued->id) == 1);
}

BOOST_AUTO_TEST_CASE(what_is_unknown_or_retryable_is_sent_again_under_the_same_name) {
  for (const auto code : {errc::outcome_unknown, errc::overloaded}) {
    const auto before = front.transactions().size();
    refuse_first(before + 2, code);
    BOOST_TEST(tested.execute("x").has_value());
    const auto sent = front.transactions();
    BOOST_REQUIRE_EQUAL(sent.size(), before + 3);
    BOOST_TEST((sent[before].name == sent[before + 2].name));
  }
}

BOOST_AUTO_TEST_CASE(a_name_of_the_callers_own_is_kept) {
  refuse_first(1, errc::outcome_unknown);
  auto work = execute("x");
  work.name = {new_client_id(0), 9};
  BOOST_TEST(tested.execute(work).has_value());
  BOOST_TEST((front.transactions()[1] == work));
}

BOOST_AUTO_TEST_CASE(what_is_rejected_or_refused_by_a_closing_engine_is_told_at_once) {
  for (const auto code : {errc::constraint, errc::shutting_down}) {
    const auto before = front.transactions().size();
    refuse_first(before + 1, code);
    BOOST_TEST(code_of(tested.execute("x")) == code);
    BOOST_TEST(front.transactions().size() == before + 1);
  }
}

BOOST_AUTO_TEST_CASE(a_closing_engine_leaves_the_doubt_of_an_earlier_attempt) {
  front.on_transaction = [](const transaction&, std::size_t nth) -> fake_front::verdict {
    return refused(nth == 1 ? errc::outcome_unknown : errc::shutting_down);
  };
  const auto answer = tested.execute("x");
  BOOST_TEST(code_of(answer) == errc::outcome_unknown);
  BOOST_TEST(answer.error().detail.find("closing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(when_the_patience_is_over_the_last_failure_is_told) {
  client hasty{system, address, 500ms};
  refuse_first(1'000, errc::overloaded);
  BOOST_TEST(code_of(hasty.execute("x")) == errc::overloaded);
  BOOST_TEST(front.transactions().size() > 1);
  front.on_query = [](const query&, std::size_t) -> fake_front::verdict { return refused(errc::lease_expired); };
  // An attempt may be under way when the time is up, and then has no answer; not again and again.
  const auto told = [&] { return hasty.query("y").error().code == errc::lease_expired; };
  BOOST_TEST((told() || told() || told()));
  BOOST_TEST(front.queries().size() > 1);
}

BOOST_AUTO_TEST_CASE(what_is_never_answered_is_unknown_for_a_transaction_and_not_for_a_query) {
  client hasty{system, address, 100ms};
  front.on_transaction = [](const transaction&, std::size_t) { return std::nullopt; };
  front.on_query = [](const query&, std::size_t) { return std::nullopt; };
  BOOST_TEST(code_of(hasty.execute("x")) == errc::outcome_unknown);
  BOOST_TEST(hasty.query("y").error().code == errc::reader_failed);
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_neither_taken_for_the_next_one_nor_kept) {
  front.on_transaction = [](const transaction& work, std::size_t nth) -> fake_front::verdict {
    return nth == 1 ? fake_front::verdict{} : outcome{.seq = 10 + work.name.number, .results = {}};
  };
  client hasty{system, address, 500ms};
  BOOST_TEST(code_of(hasty.execute("x")) == errc::outcome_unknown);
  auto columns = std::make_shared<const std::vector<std::string>>(1, "id");
  const std::weak_ptr<const std::vector<std::string>> watched = columns;
  front.answer_kept({.seq = 1, .results = {{.rows = row_set{std::move(columns)}}}});
  const auto next = hasty.execute("x");
  BOOST_REQUIRE(next);
  BOOST_TEST(next->seq == 12);
  // The one after that was sent when the fake had let go of the late answer.
  BOOST_REQUIRE(hasty.execute("x"));
  BOOST_TEST(watched.expired());
}

BOOST_AUTO_TEST_CASE(an_attempt_that_is_lost_is_followed_by_another) {
  front.on_transaction = [](const transaction& work, std::size_t nth) -> fake_front::verdict {
    return nth == 1 ? fake_front::verdict{} : outcome{.seq = work.name.number, .results = {}};
  };
  client patient{system, address, 4s}; // An attempt has a quarter of that.
  const auto answer = patient.execute("x");
  BOOST_TEST(answer.has_value());
  BOOST_TEST((front.numbers() == number_list{1, 1}));
}

BOOST_AUTO_TEST_CASE(a_client_that_was_forgotten_goes_on_under_a_new_name) {
  BOOST_TEST(tested.execute("x").has_value());
  refuse_first(2, errc::name_forgotten); // The first to come now is the second.
  BOOST_TEST(tested.execute("x").has_value());
  BOOST_TEST(tested.execute("x").has_value());
  const auto sent = front.transactions();
  BOOST_REQUIRE_EQUAL(sent.size(), 4);
  BOOST_TEST((sent[1].name.client == sent[0].name.client));
  BOOST_TEST((sent[2].name.client != sent[0].name.client));
  BOOST_TEST((sent[3].name.client == sent[2].name.client));
  BOOST_TEST(issued_at_seq(sent[2].name.client) == 2);
  BOOST_TEST(sent[3].name.number > sent[2].name.number);
}

BOOST_AUTO_TEST_CASE(a_transaction_whose_number_another_one_has_goes_out_under_a_new_name_whatever_the_doubt) {
  front.on_transaction = [](const transaction& work, std::size_t nth) -> fake_front::verdict {
    if (nth < 3) {
      return refused(nth == 1 ? errc::outcome_unknown : errc::name_taken);
    }
    return outcome{.seq = work.name.number, .results = {}};
  };
  BOOST_TEST(tested.execute("x").has_value());
  const auto sent = front.transactions();
  BOOST_REQUIRE_EQUAL(sent.size(), 3);
  BOOST_TEST((sent[1].name == sent[0].name));
  BOOST_TEST((sent[2].name.client != sent[0].name.client));
  refuse_first(4, errc::name_taken);
  auto work = execute("x");
  work.name = {new_client_id(0), 9}; // A name of the caller's own is the caller's to change.
  BOOST_TEST(code_of(tested.execute(work)) == errc::name_taken);
  BOOST_TEST(front.transactions().size() == 4);
}

BOOST_AUTO_TEST_CASE(a_transaction_that_was_forgotten_after_a_doubt_is_the_callers_to_judge) {
  front.on_transaction = [](const transaction&, std::size_t nth) -> fake_front::verdict {
    return refused(nth == 1 ? errc::outcome_unknown : errc::name_forgotten);
  };
  BOOST_TEST(code_of(tested.execute("x")) == errc::name_forgotten);
  BOOST_TEST(front.transactions().size() == 2);
}

BOOST_AUTO_TEST_CASE(a_forgotten_name_of_the_callers_own_is_told_at_once) {
  refuse_first(1, errc::name_forgotten);
  auto work = execute("x");
  work.name = {new_client_id(0), 9};
  BOOST_TEST(code_of(tested.execute(work)) == errc::name_forgotten);
  BOOST_TEST(front.transactions().size() == 1);
}

BOOST_AUTO_TEST_CASE(a_query_that_met_a_dying_reader_is_sent_again) {
  front.on_query = [](const query&, std::size_t nth) -> fake_front::verdict {
    return nth < 3 ? refused(nth == 1 ? errc::reader_failed : errc::outcome_unknown) : fake_front::verdict{outcome{}};
  };
  BOOST_TEST(tested.query("y").has_value());
  BOOST_TEST(front.queries().size() == 3);
}

BOOST_AUTO_TEST_CASE(a_page_that_was_sent_again_leaves_the_pages_after_it_their_time) {
  std::vector<std::chrono::milliseconds> deadlines;
  front.on_page = [&](const page_query& asked, std::size_t nth) -> fake_front::verdict {
    deadlines.push_back(asked.question.deadline);
    return nth == 1 ? refused(errc::unavailable, 20ms) : fake_front::verdict{outcome{}};
  };
  const auto page = tested.page(page_query{select("x"), 10});
  BOOST_REQUIRE((page && page->next));
  BOOST_TEST(deadlines.size() == 2u);
  BOOST_TEST((deadlines.at(1) < deadlines.at(0)));
  BOOST_TEST((page->next->question == select("x")));
}

BOOST_AUTO_TEST_CASE(what_was_in_the_way_until_a_deadline_passed_is_told_with_it) {
  front.on_query = [](const query& asked, std::size_t) -> fake_front::verdict {
    return refused(asked.deadline.count() < 0 ? errc::deadline_exceeded : errc::disk_full);
  };
  auto question = select("x");
  question.deadline = 100ms;
  const auto answer = tested.query(question);
  BOOST_REQUIRE(!answer);
  BOOST_TEST(answer.error().code == errc::deadline_exceeded);
  BOOST_TEST(answer.error().detail.find(sentence(errc::disk_full)) != std::string::npos, answer.error().detail);
}

BOOST_AUTO_TEST_CASE(a_second_thread_in_the_midst_of_a_call_is_told_loudly) {
  front.on_transaction = [](const transaction&, std::size_t) { return std::nullopt; };
  std::uint64_t seq = 0;
  std::thread first{[&] { seq = tested.execute("x").value().seq; }};
  while (front.transactions().empty()) {
    std::this_thread::yield();
  }
  BOOST_CHECK_THROW((void) tested.query("y"), std::logic_error);
  BOOST_CHECK_THROW((void) tested.health(), std::logic_error);
  front.answer_kept({.seq = 7, .results = {}});
  first.join();
  BOOST_TEST(seq == 7);
  BOOST_TEST(tested.query("y").has_value()); // One after the other they may.
}

BOOST_AUTO_TEST_CASE(a_front_that_is_gone_is_tried_until_the_patience_is_over) {
  client hasty{system, address, 100ms};
  BOOST_TEST(hasty.execute("x").has_value());
  end_front();
  BOOST_TEST(code_of(hasty.execute("x")) == errc::outcome_unknown);
  client nameless{system, address, 100ms};
  BOOST_TEST(code_of(nameless.execute("x")) == errc::unavailable);
  BOOST_TEST(hasty.query("y").error().code == errc::reader_failed);
}

BOOST_AUTO_TEST_SUITE_END()
