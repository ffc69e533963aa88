#include <millrace/actors/write/shares.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <caf/abstract_actor.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/node_id.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// An actor of another node, as a proxy is.
class far_actor : public caf::monitorable_actor {
public:
  explicit far_actor(caf::actor_config& config) : caf::monitorable_actor(config) {}
  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr, caf::execution_unit*) override {}
  void end() { cleanup(caf::exit_reason::remote_link_unreachable, nullptr); }
};

struct shares_fixture : actor_fixture {
  shares all;
  std::map<std::uint32_t, caf::strong_actor_ptr> programs;
  monotonic_time now{std::chrono::hours{1}};
  std::uint64_t last_seq = 0;
  std::uint64_t applied = 0;

  ~shares_fixture() {
    for (auto& [number, one] : programs) {
      end(number);
    }
  }

  const caf::strong_actor_ptr& program(std::uint32_t number) {
    auto& one = programs[number];
    if (!one) {
      caf::actor_config made_from;
      one = caf::make_actor<far_actor, caf::strong_actor_ptr>(
        system.next_actor_id(), *caf::make_node_id(number, std::string(40, 'a')), &system, made_from);
    }
    return one;
  }

  void end(std::uint32_t number) {
    static_cast<far_actor*>(caf::actor_cast<caf::abstract_actor*>(programs.at(number)))->end();
  }

  /// As the queue does: into the log at once, or later.
  void send(std::uint32_t number, monotonic_time deadline = monotonic_time::max()) {
    if (all.admits(program(number)->node())) {
      enter(number);
    } else {
      admitted_transaction request;
      request.bytes = number;
      request.deadline = deadline;
      all.wait({std::move(request), {}, program(number)});
    }
  }

  void enter(std::uint32_t number) { all.entered(program(number)->node(), ++last_seq); }

  /// Lets in who may be let in, and gives who that was.
  std::string let_in() {
    std::string who;
    while (auto next = all.next(now, applied == last_seq)) {
      const auto number = static_cast<std::uint32_t>(next->request.bytes);
      enter(number);
      who += std::to_string(number);
    }
    return who;
  }

  void apply() { all.applied_up_to(applied = last_seq); }
  void apply_slowly(std::chrono::milliseconds took) {
    all.took(last_seq, took, now);
    apply();
  }

  void become_known(std::uint32_t number) {
    for (int i = 0; i < 8; ++i) {
      send(number);
      let_in();
      apply();
    }
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(shares_suite, shares_fixture)

BOOST_AUTO_TEST_CASE(of_those_who_are_not_known_one_transaction_at_a_time_is_in_the_log) {
  for (const auto number : {1u, 1u, 2u, 3u}) {
    send(number);
  }
  BOOST_TEST(let_in() == "1");
  BOOST_TEST(let_in() == "");
  apply();
  BOOST_TEST(let_in() == "2");
  apply();
  BOOST_TEST(let_in() == "3");
  apply();
  BOOST_TEST(let_in() == "1");
  BOOST_TEST(!all.anybody_waits());
}

BOOST_AUTO_TEST_CASE(behind_what_stood_in_the_log_at_the_start_each_may_have_many_and_after_it_one_of_all_again) {
  all.let_in_behind_replay(true);
  for (int i = 0; i < 1'001; ++i) {
    send(1);
  }
  send(2);
  BOOST_TEST(let_in() == "12" + std::string(999, '1'));
  all.let_in_behind_replay(false);
  send(2);
  send(3);
  BOOST_TEST(let_in() == "3"); // The others have something there.
  apply();
  BOOST_TEST(let_in() == "12");
}

BOOST_AUTO_TEST_CASE(what_came_behind_what_stood_in_the_log_is_given_up_where_it_takes_too_long) {
  all.let_in_behind_replay(true);
  for (int i = 0; i < 20; ++i) {
    send(1);
  }
  send(2);
  BOOST_TEST(let_in() == "12" + std::string(19, '1'));
  all.let_in_behind_replay(false);
  all.took(1, 5s, now);
  all.applied_up_to(1);
  all.took(2, 1ms, now);
  all.applied_up_to(2);
  all.took(3, 6s, now);
  all.applied_up_to(applied = 3);
  BOOST_TEST(all.take_overdrawn(last_seq - applied, now).empty()); // Nobody else has work.
  send(2);
  all.took(4, 5s, now);
  all.applied_up_to(applied = 4);
  BOOST_TEST(all.take_overdrawn(last_seq - applied, now).size() == last_seq - applied);
}

BOOST_AUTO_TEST_CASE(who_was_quick_eight_times_has_ever_more_in_the_log_at_once) {
  become_known(1);
  for (int i = 0; i < 30; ++i) {
    send(1);
  }
  BOOST_TEST(last_seq == 10u); // Two more.
  apply();
  BOOST_TEST(let_in() == "11111111");
  apply();
  BOOST_TEST(let_in() == std::string(20, '1'));
}

BOOST_AUTO_TEST_CASE(who_is_known_does_not_wait_for_those_who_are_not) {
  become_known(1);
  send(2);
  send(2);
  let_in();
  send(1);
  BOOST_TEST(last_seq == 10u);
}

BOOST_AUTO_TEST_CASE(whose_transaction_took_long_waits_ten_times_as_long_while_others_have_work) {
  become_known(1);
  become_known(2);
  send(1);
  apply_slowly(1s);
  send(1);
  send(2); // Is in the log meanwhile.
  now += 9'900ms;
  BOOST_TEST(let_in() == "");
  now += 200ms;
  BOOST_TEST(let_in() == "1");
}

BOOST_AUTO_TEST_CASE(each_further_one_that_took_long_doubles_the_wait) {
  become_known(2);
  send(1);
  let_in();
  apply_slowly(1s);
  now += 11s;
  send(1);
  let_in();
  apply_slowly(1s);
  send(1);
  send(2);
  now += 19s;
  BOOST_TEST(let_in() == "");
  now += 2s;
  BOOST_TEST(let_in() == "1");
}

BOOST_AUTO_TEST_CASE(who_has_to_wait_has_its_turn_where_nobody_else_has_work) {
  send(1);
  let_in();
  apply_slowly(5s);
  send(1);
  send(2);
  BOOST_TEST(let_in() == "2");
  BOOST_TEST(let_in() == "");
  apply();
  BOOST_TEST(let_in() == "1");
}

BOOST_AUTO_TEST_CASE(a_window_holds_no_more_than_two_seconds_by_what_the_last_ones_took) {
  become_known(1);
  for (int i = 0; i < 100; ++i) {
    send(1);
    all.took(last_seq, 40ms, now);
    apply();
  }
  const auto before = last_seq;
  for (int i = 0; i < 1'000; ++i) {
    send(1);
  }
  BOOST_TEST(last_seq - before < 60u);
  BOOST_TEST(last_seq - before > 40u);
}

BOOST_AUTO_TEST_CASE(what_a_program_sent_at_once_is_given_up_where_it_takes_the_writer_too_long_and_others_have_work) {
  become_known(1);
  for (int i = 0; i < 10; ++i) {
    send(1);
    apply();
  }
  const auto before = last_seq;
  for (int i = 0; i < 1'000; ++i) {
    send(1);
  }
  const auto unapplied = last_seq - before;
  BOOST_TEST(unapplied == 1'000u);
  all.took(before + 1, 6s, now);
  all.took(before + 2, 3s, now);
  all.applied_up_to(before + 2);
  BOOST_TEST(all.take_overdrawn(unapplied - 2 + 1, now).empty());
  all.took(before + 3, 2s, now);
  all.applied_up_to(before + 3);
  BOOST_TEST(all.take_overdrawn(unapplied - 3, now).empty()); // Nobody else has work.
  all.took(before + 4, 1s, now);
  all.applied_up_to(before + 4);
  const auto given_up = all.take_overdrawn(unapplied - 4 + 1, now);
  BOOST_REQUIRE(given_up.size() == unapplied - 4);
  BOOST_TEST(given_up.front() == before + 5);
  BOOST_TEST(all.take_overdrawn(unapplied - 4 + 1, now).empty());
}

BOOST_AUTO_TEST_CASE(what_others_sent_is_not_given_up_with_it) {
  become_known(1);
  become_known(2);
  const auto before = last_seq;
  send(1);
  send(2);
  send(1);
  all.took(before + 1, 11s, now);
  all.applied_up_to(before + 1);
  const auto given_up = all.take_overdrawn(2, now);
  BOOST_TEST((given_up == std::vector<std::uint64_t>{before + 3}));
}

BOOST_AUTO_TEST_CASE(what_several_sent_at_once_is_given_up_when_it_has_taken_the_writer_too_long_together) {
  for (const auto number : {1u, 2u, 3u}) {
    become_known(number);
    become_known(number);
  }
  const auto before = last_seq;
  for (int i = 0; i < 40; ++i) {
    send(1);
    send(2);
  }
  send(3);
  for (std::uint64_t seq = before + 1; seq <= before + 12; ++seq) {
    all.took(seq, 900ms, now);
    all.applied_up_to(seq);
  }
  const auto given_up = all.take_overdrawn(80 - 12 + 1, now);
  BOOST_TEST(given_up.size() == 80u - 12u);
  BOOST_TEST(given_up.back() == before + 80);
}

BOOST_AUTO_TEST_CASE(who_is_given_up_is_not_known_any_more_and_owes_for_it_however_short_each_was) {
  become_known(1);
  become_known(2);
  for (int i = 0; i < 10; ++i) {
    send(1);
    apply();
  }
  const auto before = last_seq;
  for (int i = 0; i < 500; ++i) {
    send(1);
  }
  for (std::uint64_t seq = before + 1; seq <= before + 300; ++seq) {
    all.took(seq, 40ms, now);
    all.applied_up_to(seq);
  }
  BOOST_TEST(all.take_overdrawn(201, now).size() == 200u);
  all.applied_up_to(applied = last_seq);
  send(1);
  send(2); // Is in the log meanwhile.
  now += 100s;
  BOOST_TEST(let_in() == "");
  now += 100s;
  BOOST_TEST(let_in() == "1");
}

BOOST_AUTO_TEST_CASE(what_was_not_written_counts_no_more) {
  send(1);
  send(2);
  BOOST_TEST(let_in() == "1");
  all.withdrawn_above(--last_seq);
  BOOST_TEST(let_in() == "2");
}

BOOST_AUTO_TEST_CASE(what_waits_beyond_its_deadline_or_for_a_program_that_is_gone_is_taken_out) {
  send(1);
  let_in();
  send(2, now + 1s);
  send(3);
  send(4, now + 1h);
  BOOST_TEST(all.take_lost(now).empty());
  end(3);
  BOOST_TEST(all.take_lost(now + 2s).size() == 2u);
  apply();
  BOOST_TEST(let_in() == "4");
}

BOOST_AUTO_TEST_SUITE_END()
