#include <millrace/actors/front/waiting_room.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>

#include <functional>

#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// Counts what it is answered, and does something in each answer.
class asking_actor : public caf::monitorable_actor {
public:
  using caf::abstract_actor::enqueue;
  explicit asking_actor(caf::actor_config& config) : caf::monitorable_actor(config) {}
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override {
    codes.push_back(failure_of(message->content().get_as<caf::error>(0)).code);
    when_answered();
  }
  void enqueue(caf::strong_actor_ptr sender, caf::message_id mid, caf::message content,
               caf::execution_unit* host) override {
    enqueue(caf::make_mailbox_element(std::move(sender), mid, {}, std::move(content)), host);
  }
  const char* name() const override { return "asking_actor"; }

  std::vector<errc> codes;
  std::function<void()> when_answered = [] {};
};

/// A peer that is said to read or not.
class told_peer final : public peer_room {
public:
  bool keeps_up() const noexcept override { return unread == 0; }
  std::size_t bytes() const noexcept override { return 100'000'000 - unread; }

  std::size_t unread = 0;
};

/// Two readers, at rest, and three that ask. Requests are numbers.
struct waiting_fixture : actor_fixture {
  std::optional<waiting_room> tested{std::in_place, 2, query_bound{100, 1'000'000}};
  const monotonic_time now = std::chrono::steady_clock::now();
  caf::strong_actor_ptr a = make_asker(system.node());
  caf::strong_actor_ptr b = make_asker(system.node());
  caf::strong_actor_ptr c = make_asker(system.node());

  waiting_fixture() {
    tested->enter(0, nullptr);
    tested->enter(1, nullptr);
  }

  caf::strong_actor_ptr make_asker(const caf::node_id& node) {
    caf::actor_config settings;
    return caf::make_actor<asking_actor, caf::strong_actor_ptr>(system.next_actor_id(), node, &system, settings);
  }
  static asking_actor& state(const caf::strong_actor_ptr& one) {
    return *static_cast<asking_actor*>(caf::actor_cast<caf::abstract_actor*>(one));
  }
  static std::vector<errc>& codes(const caf::strong_actor_ptr& one) { return state(one).codes; }

  struct terms {
    std::chrono::milliseconds waited = 0ms; ///< So far.
    std::chrono::milliseconds left = 1h;    ///< Of its time.
    std::optional<std::size_t> reader{};
  };
  void put(const caf::strong_actor_ptr& from, int number) { put(from, number, terms{}); }
  void put(const caf::strong_actor_ptr& from, int number, const terms& as) {
    tested->room().take_anyway(1);
    tested->put({caf::make_mailbox_element(from, caf::make_message_id(1), {}, number), 1, now - as.waited,
                 now + as.left, as.reader});
  }
  std::pair<bool, bool> awake() const { return {tested->is_awake(0), tested->is_awake(1)}; }

  /// A request of theirs takes long.
  void become_slow(const caf::strong_actor_ptr& who, std::size_t reader) {
    put(who, 99);
    BOOST_TEST(next_at(now - 2s, reader) == 99);
    BOOST_TEST(next(reader) == 0);
  }

  /// The number of what a reader is given; 0 for nothing.
  int next(std::size_t reader, bool may_begin = true) { return next_at(now, reader, may_begin); }
  static int number_of(const waiting_request& one) { return one.message->content().get_as<int>(0); }
  int next_at(monotonic_time when, std::size_t reader, bool may_begin = true) {
    const auto given = tested->next(reader, may_begin, 1, when);
    return given.empty() ? 0 : number_of(given.front());
  }
};

using numbers = std::vector<int>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(waiting_room_suite, waiting_fixture)

BOOST_AUTO_TEST_CASE(askers_are_served_in_turn_however_much_one_has_asked_for) {
  for (int i = 1; i <= 40; ++i) {
    put(a, i);
  }
  put(b, 51);
  put(b, 52);
  put(c, 61);
  BOOST_TEST((numbers{next(0), next(0), next(0), next(0), next(0), next(0)} == numbers{1, 51, 61, 2, 52, 3}));
}

BOOST_AUTO_TEST_CASE(whoever_no_reader_works_for_goes_before_who_has_one) {
  put(a, 1);
  put(a, 2);
  put(a, 3);
  BOOST_TEST(next(0) == 1);
  BOOST_TEST(next(1) == 2);
  put(b, 11);
  BOOST_TEST(next(1) == 11); // It is the turn of the other one.
  put(b, 12);
  put(c, 21);
  BOOST_TEST(next(1) == 12); // The reader has answered what it was given before.
  BOOST_TEST(next(1) == 21);
  BOOST_TEST(next(1) == 3);
}

BOOST_AUTO_TEST_CASE(all_actors_behind_one_connection_are_one_asker) {
  const auto there = caf::make_node_id(7, "0011223344556677889900112233445566778899").value();
  const auto elsewhere = caf::make_node_id(8, "0011223344556677889900112233445566778899").value();
  const auto first = make_asker(there);
  const auto second = make_asker(there);
  const auto other = make_asker(elsewhere);
  put(first, 1);
  put(first, 2);
  put(second, 3);
  put(other, 11);
  put(nullptr, 21);
  BOOST_TEST((numbers{next(0), next(0), next(0), next(0), next(0)} == numbers{1, 11, 21, 2, 3}));
}

BOOST_AUTO_TEST_CASE(who_does_not_read_its_answers_is_passed_over_until_it_does_or_its_time_is_over) {
  const auto there = caf::make_node_id(9, "0011223344556677889900112233445566778899").value();
  const auto peer = std::make_shared<told_peer>();
  peer_rooms::enter({there}, peer);
  const auto far = make_asker(there);
  peer->unread = 90'000'000;
  put(far, 1, {.left = 1s});
  put(far, 2);
  put(a, 11);
  BOOST_TEST((numbers{next(0), next(0)} == numbers{11, 0}));
  BOOST_TEST(tested->unsettled()); // Somebody has to look again.
  tested->look(now + 2s);
  BOOST_TEST((codes(far) == std::vector{errc::deadline_exceeded}));
  peer->unread = 0;
  BOOST_TEST(next(0) == 2);
  peer_rooms::leave({there});
  BOOST_TEST(!peer_rooms::find({there}));
}

BOOST_AUTO_TEST_CASE(what_is_being_made_for_a_connection_and_on_its_way_takes_of_its_room) {
  const auto there = caf::make_node_id(9, "0011223344556677889900112233445566778899").value();
  const auto peer = std::make_shared<told_peer>();
  peer_rooms::enter({there}, peer);
  const auto far = make_asker(there);
  for (int i = 1; i <= 9; ++i) {
    put(far, i);
  }
  BOOST_TEST(next(0) == 1);
  auto rows = caf::make_message(std::string{"as if it were large"});
  tested->note_answer(far, rows, 60'000'000);
  BOOST_TEST(next(0) == 0); // It has not reached the connection.
  rows = {};
  BOOST_TEST(next(0) == 2); // It has; the next one will be as large.
  BOOST_TEST(next(1) == 0);
  for (int i = 0; i < 10; ++i) {
    tested->note_answer(far, {}, 100);
  }
  BOOST_TEST(next(1) == 3);
  BOOST_TEST(next(0) == 4);
  BOOST_TEST(next(0, true) + next(1) == 11);
  peer_rooms::leave({there});
}

BOOST_AUTO_TEST_CASE(nobody_makes_way_for_who_does_not_read) {
  const auto there = caf::make_node_id(9, "0011223344556677889900112233445566778899").value();
  const auto peer = std::make_shared<told_peer>();
  peer_rooms::enter({there}, peer);
  peer->unread = 90'000'000;
  put(a, 1);
  put(a, 2);
  BOOST_TEST(next(0) + next(1) == 3);
  put(make_asker(there), 11, {.waited = 1h});
  tested->look(now);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1)));
  peer->unread = 0;
  tested->look(now + 1s);
  BOOST_TEST((tested->yields(0) || tested->yields(1)));
  peer_rooms::leave({there});
}

BOOST_AUTO_TEST_CASE(a_reader_at_rest_is_woken_and_no_request_is_left_to_nobody) {
  BOOST_TEST((awake() == std::pair{false, false}));
  put(a, 1);
  BOOST_TEST((awake() == std::pair{true, false}));
  put(a, 2);
  BOOST_TEST((awake() == std::pair{true, true}));
  BOOST_TEST(tested->wait_count() == 0u);
  put(a, 3);
  BOOST_TEST(tested->wait_count() == 1u);
  BOOST_TEST(next(0) == 1);
  tested->pause(0, now); // Awake still.
  BOOST_TEST((numbers{next(0), next(0), next(0)} == numbers{2, 3, 0}));
  BOOST_TEST((awake() == std::pair{false, true}));
  put(a, 4);
  BOOST_TEST((awake() == std::pair{true, true}));
  BOOST_TEST((numbers{next(1), next(1), next(0)} == numbers{4, 0, 0}));
  BOOST_TEST((awake() == std::pair{false, false}));
}

BOOST_AUTO_TEST_CASE(a_reader_takes_its_part_of_what_waits_and_gives_the_rest_back_where_it_was) {
  for (int i = 1; i <= 7; ++i) {
    put(a, i);
  }
  put(b, 11);
  BOOST_TEST(next(1) == 1); // It takes no more than it asks for.
  auto given = tested->next(0, true, 16, now);
  BOOST_REQUIRE_EQUAL(given.size(), 3u); // Of seven for two readers.
  BOOST_TEST((numbers{number_of(given.front()), number_of(given.back())} == numbers{11, 3}));
  BOOST_TEST(next(1) == 4);
  BOOST_TEST(next(1) == 5);
  given.pop_front();
  tested->put_back(0, given);
  BOOST_TEST(given.empty());
  BOOST_TEST(tested->waiting() == 4u);
  BOOST_TEST(tested->room().requests() == 6u);
  put(b, 12);
  BOOST_TEST((numbers{next(1), next(1), next(1), next(1), next(1), next(1)} == numbers{2, 3, 6, 7, 12, 0}));
  BOOST_TEST(next(0) == 0);
  BOOST_TEST(tested->room().requests() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_given_back_wakes_a_reader_at_rest) {
  put(a, 1);
  put(a, 2);
  put(a, 3);
  put(a, 4);
  auto given = tested->next(0, true, 16, now);
  BOOST_REQUIRE_EQUAL(given.size(), 2u);
  BOOST_TEST((numbers{next(1), next(1), next(1)} == numbers{3, 4, 0}));
  BOOST_TEST(!tested->is_awake(1));
  given.pop_front();
  tested->put_back(0, given);
  BOOST_TEST(tested->is_awake(1));
  BOOST_TEST(next(1) == 2);
}

BOOST_AUTO_TEST_CASE(what_is_for_one_reader_is_given_to_it_alone_also_where_it_may_begin_nothing) {
  put(a, 1, {.reader = 1});
  BOOST_TEST((awake() == std::pair{false, true}));
  put(a, 2);
  BOOST_TEST((awake() == std::pair{true, true}));
  BOOST_TEST(next(0, false) == 0);
  BOOST_TEST(next(0) == 2);
  BOOST_TEST(next(0) == 0);
  BOOST_TEST(next(1, false) == 1);
  BOOST_TEST(next(1) == 0);
  put(a, 3, {.waited = 2ms, .reader = 1});
  put(a, 4, {.waited = 3ms});
  put(a, 5, {.waited = 1ms, .reader = 1});
  BOOST_TEST((numbers{next(1), next(1), next(1)} == numbers{4, 3, 5})); // Oldest first.
  put(a, 6, {.reader = 1'000'000});                                     // No such reader.
  BOOST_TEST(next(0) == 6);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_reader_that_ends_goes_to_another_one) {
  put(a, 1, {.reader = 1});
  BOOST_TEST((awake() == std::pair{false, true}));
  BOOST_TEST(tested->leave(1).empty());
  BOOST_TEST((awake() == std::pair{true, false}));
  BOOST_TEST(next(0) == 1);
  put(a, 2, {.reader = 1});
  tested->enter(1, nullptr);
  BOOST_TEST((awake() == std::pair{true, true}));
  BOOST_TEST(next(1) == 2);
}

BOOST_AUTO_TEST_CASE(what_waits_is_given_back_once_no_reader_is_there) {
  put(a, 1);
  BOOST_TEST(next(0) == 1);
  put(a, 2);
  put(b, 3, {.reader = 1});
  BOOST_TEST(tested->leave(0).empty());
  BOOST_TEST(tested->room().requests() == 2u); // What it was given it has answered.
  BOOST_TEST(tested->leave(1).size() == 2u);
  BOOST_TEST(tested->room().requests() == 0u);
  BOOST_TEST(tested->waiting() == 0u);
  tested->enter(0, nullptr);
  BOOST_TEST(!tested->is_awake(0));
}

BOOST_AUTO_TEST_CASE(what_still_waits_in_the_end_is_answered) {
  put(a, 1);
  put(b, 2, {.reader = 1});
  tested.reset();
  BOOST_TEST((codes(a) == std::vector{errc::shutting_down}));
  BOOST_TEST((codes(b) == std::vector{errc::shutting_down}));
}

BOOST_AUTO_TEST_CASE(what_is_past_its_deadline_is_answered_while_all_readers_are_at_work) {
  put(a, 1);
  put(a, 2);
  BOOST_TEST(next(0) + next(1) == 3);
  put(b, 3, {.waited = 30ms, .left = -1ms});
  put(b, 4, {.left = -1ms, .reader = 1});
  put(b, 5);
  tested->look(now);
  BOOST_TEST((codes(b) == std::vector{errc::deadline_exceeded, errc::deadline_exceeded}));
  BOOST_TEST(tested->waiting() == 1u);
  BOOST_TEST(tested->room().requests() == 3u);
  BOOST_TEST(tested->expired() == 2u);
  BOOST_TEST(tested->expired_wait_us() == 30'000u);
  tested->look(now + 2h);
  BOOST_TEST(codes(b).size() == 3u);
  BOOST_TEST(tested->waiting() == 0u);
  BOOST_TEST(codes(a).empty()); // What runs ends by itself.
}

BOOST_AUTO_TEST_CASE(what_nobody_waits_for_any_more_holds_no_room) {
  put(a, 1);
  put(b, 2);
  state(a).cleanup(caf::exit_reason::kill, nullptr);
  tested->look(now);
  BOOST_TEST(tested->room().requests() == 1u);
  BOOST_TEST(next(0) == 2);
}

BOOST_AUTO_TEST_CASE(who_is_answered_may_ask_again_at_once) {
  state(a).when_answered = [this] { put(a, 2); };
  put(a, 1, {.left = -1ms});
  tested->look(now);
  BOOST_TEST(next(0) == 2);
}

BOOST_AUTO_TEST_CASE(the_longest_of_one_askers_requests_makes_way_when_another_one_waits_too_long) {
  put(a, 1);
  put(a, 2);
  put(a, 3);
  BOOST_TEST(next_at(now, 1) == 1);
  BOOST_TEST(next_at(now + 1ms, 0) == 2);
  tested->look(now);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1))); // Only they themselves wait.
  put(b, 11);
  tested->look(now + 900ms);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1)));
  tested->look(now + 1s);
  BOOST_TEST(tested->yields(1));
  BOOST_TEST(!tested->yields(0));
  tested->look(now + 2s);
  BOOST_TEST(!tested->yields(0)); // One is enough.
  BOOST_TEST(next_at(now + 2s, 1) == 11);
  BOOST_TEST(!tested->yields(1));
}

BOOST_AUTO_TEST_CASE(who_has_less_time_waits_for_half_of_it) {
  put(a, 1);
  put(a, 2);
  BOOST_TEST(next(0) + next(1) == 3);
  put(b, 11, {.waited = 200ms, .left = 201ms});
  tested->look(now);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1)));
  tested->look(now + 30ms);
  BOOST_TEST((tested->yields(0) || tested->yields(1)));
}

BOOST_AUTO_TEST_CASE(an_askers_only_request_makes_no_way_before_it_takes_long) {
  BOOST_TEST(tested->leave(1).empty());
  put(a, 1);
  BOOST_TEST(next(0) == 1);
  put(b, 11, {.waited = 1h});
  tested->look(now);
  BOOST_TEST(!tested->yields(0));
  put(a, 2);
  tested->look(now + 1s);
  BOOST_TEST(tested->yields(0));
  BOOST_TEST(next(0) == 11); // Not the other one of those that made way.
}

BOOST_AUTO_TEST_CASE(where_all_readers_run_what_takes_long_the_longest_makes_way_for_who_is_quick) {
  put(a, 1);
  put(b, 11);
  BOOST_TEST(next(1) == 1);
  BOOST_TEST(next_at(now + 1ms, 0) == 11);
  put(c, 21);
  tested->look(now + 1s);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1)));
  tested->look(now + 1'100ms);
  BOOST_TEST(tested->yields(1));
  BOOST_TEST(!tested->yields(0));
  BOOST_TEST(next_at(now + 1'100ms, 1) == 21);
}

BOOST_AUTO_TEST_CASE(who_is_slow_and_waits_lets_nobody_make_way) {
  become_slow(c, 1);
  put(a, 1);
  put(b, 11);
  BOOST_TEST(next(0) + next(1) == 12);
  put(c, 21);
  tested->look(now + 1h);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1)));
}

BOOST_AUTO_TEST_CASE(those_who_are_slow_have_all_readers_but_one_and_come_after_others) {
  become_slow(a, 0);
  become_slow(b, 1);
  put(a, 1);
  put(b, 11);
  put(c, 21);
  put(c, 22);
  BOOST_TEST(next(0) == 21);
  BOOST_TEST(next(0) == 22);
  BOOST_TEST(next(0) == 1);
  BOOST_TEST(next(1) == 0);
  put(c, 23);
  BOOST_TEST((numbers{next(1), next(1)} == numbers{23, 0}));
  BOOST_TEST(next(0) == 11);
  BOOST_TEST(tested->leave(1).empty());
  put(a, 2);
  BOOST_TEST(next(0) == 2); // One reader alone is for all.
}

BOOST_AUTO_TEST_CASE(who_is_slow_is_so_until_eight_in_a_row_took_no_long_time) {
  become_slow(a, 0);
  for (int i = 0; i < 4; ++i) {
    put(a, 1);
    put(a, 2);
    BOOST_TEST((numbers{next(0), next(1), next(0), next(0)} == numbers{1, 0, 2, 0}));
  }
  put(a, 1);
  put(a, 2);
  BOOST_TEST((numbers{next(0), next(1)} == numbers{1, 2}));
}

BOOST_AUTO_TEST_CASE(who_is_known_to_be_quick_comes_first_and_has_one_reader_of_its_own_for_a_second) {
  for (int i = 0; i < 9; ++i) {
    put(c, i + 1);
    BOOST_TEST(next(0) == i + 1);
  }
  BOOST_TEST(next(0) == 0);
  put(a, 1);
  put(b, 11);
  put(c, 21);
  BOOST_TEST(next(0) == 21);
  BOOST_TEST(next(0) == 1);
  BOOST_TEST(next_at(now + 900ms, 1) == 0); // For the quick one, who is not known to have gone.
  BOOST_TEST(next_at(now + 1s, 1) == 11);
}

BOOST_AUTO_TEST_CASE(nothing_makes_way_while_readers_work_for_different_askers_or_one_is_at_rest) {
  put(a, 1);
  put(b, 11);
  BOOST_TEST(next(0) + next(1) == 12);
  put(a, 2);
  put(b, 12);
  put(c, 21, {.waited = 1h});
  tested->look(now);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1)));
  tested->pause(1, now);
  tested->look(now + 1s);
  BOOST_TEST(!(tested->yields(0) || tested->yields(1)));
}

BOOST_AUTO_TEST_CASE(a_page_that_one_reader_alone_may_have_is_waited_for_no_longer) {
  put(a, 1);
  put(c, 21);
  BOOST_TEST(next(0) == 1);
  BOOST_TEST(next(1) == 21);
  put(a, 2);
  put(b, 11, {.waited = 1h, .reader = 0});
  tested->look(now);
  BOOST_TEST(tested->yields(0));
  BOOST_TEST(!tested->yields(1));
}

BOOST_AUTO_TEST_SUITE_END()
