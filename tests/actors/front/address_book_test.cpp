#include <millrace/tests/support/actors/actor_fixture.hpp>

#include <set>

using namespace millrace;
using namespace millrace::test;

namespace {

/// Two readers that do nothing.
struct address_book_fixture : actor_fixture {
  caf::actor first = start("reader-1");
  caf::actor second = start("reader-2");

  caf::actor start(const std::string& id) {
    const auto one = track(
      system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const admitted_query&) {}}; }));
    board->connect(id, one);
    return one;
  }

  /// The reader, by its place, that a request comes to; nothing where it finds none.
  std::optional<int> place_of(std::optional<std::uint32_t> preferred) {
    const auto before = waiting();
    auto message = caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, admitted(select("SELECT 1")));
    if (!board->admit_reading(1, priority::bulk, message, nullptr, preferred).done) {
      return std::nullopt;
    }
    return waiting().first > before.first ? 0 : 1;
  }
  std::pair<std::uint64_t, std::uint64_t> waiting() const {
    return {board->slot(0)->room.requests(), board->slot(1)->room.requests()};
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(address_book_suite, address_book_fixture)

BOOST_AUTO_TEST_CASE(readers_that_have_as_much_to_do_are_taken_in_turn) {
  BOOST_TEST((std::set{board->pick_reader(), board->pick_reader()} == std::set{first, second}));
  BOOST_TEST(board->pool().wait_count == 0);
  BOOST_TEST((std::set{board->pick_reader(), board->pick_reader()} == std::set{first, second}));
  BOOST_TEST(board->pool().wait_count == 2);
}

BOOST_AUTO_TEST_CASE(the_reader_with_less_to_do_goes_first) {
  keep_busy(0, 3);
  BOOST_TEST((board->pick_reader() == second));
  BOOST_TEST((board->pick_reader() == second));
  BOOST_TEST((board->pick_reader() == second));
}

BOOST_AUTO_TEST_CASE(a_reader_that_has_no_room_for_the_bytes_is_passed_by_though_it_has_less_to_do) {
  board->slot(0)->room.take_anyway(1'000'000);
  keep_busy(1, 10);
  BOOST_TEST(board->readers_full(1) == nullptr);
  BOOST_TEST((place_of(std::nullopt) == 1));
  BOOST_TEST((place_of(std::nullopt) == 1));
  keep_busy(1, 88);
  BOOST_TEST(board->readers_full(1) != nullptr);
  BOOST_TEST((place_of(std::nullopt) == std::nullopt));
}

BOOST_AUTO_TEST_CASE(a_preferred_reader_is_taken_as_long_as_it_has_room_and_another_one_only_where_it_is_down) {
  keep_busy(1, 50);
  BOOST_TEST((place_of(1) == 1));
  BOOST_TEST((place_of(1) == 1));
  BOOST_TEST(board->pool().wait_count == 0); // The other one was free.
  keep_busy(1, 48);
  BOOST_TEST((place_of(1) == std::nullopt));
  board->connect("reader-2", nullptr);
  BOOST_TEST(waiting().second == 0u); // What it was given was bounced.
  BOOST_TEST((place_of(1) == 0));
  BOOST_TEST((place_of(1'000'000) == 0)); // No such reader.
  board->connect("reader-1", nullptr);
  BOOST_TEST((place_of(1) == std::nullopt));
}

BOOST_AUTO_TEST_CASE(a_closed_address_book_gives_nothing_to_readers) {
  board->close();
  BOOST_TEST((place_of(1) == std::nullopt));
  BOOST_TEST((place_of(std::nullopt) == std::nullopt));
}

BOOST_AUTO_TEST_CASE(the_pool_adds_its_readers_up) {
  for (const std::size_t reader : {0u, 1u}) {
    auto& slot = *board->slot(reader);
    slot.answered = 10;
    slot.wait_us = 20;
    slot.cursors = 3;
    slot.recycled = 4;
    slot.leases_ended = 5;
  }
  board->pick_reader();
  const auto pool = board->pool();
  BOOST_TEST(pool.open == 2);
  BOOST_TEST(pool.in_use == 1);
  BOOST_TEST(pool.idle == 1);
  BOOST_TEST(pool.queries == 20);
  BOOST_TEST(pool.wait_us == 40);
  BOOST_TEST(pool.cursors == 6);
  BOOST_TEST(pool.recycled == 8);
  BOOST_TEST(pool.leases_ended == 10);
}

BOOST_AUTO_TEST_SUITE_END()
