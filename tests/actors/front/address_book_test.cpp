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
    const auto one = track(system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](atom::run) {}}; }));
    board->connect(id, one);
    return one;
  }

  bool asks(std::size_t bytes, std::optional<std::size_t> preferred = std::nullopt) {
    waiting_request request{
      caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, admitted(select("SELECT 1"))),
      bytes,
      {},
      monotonic_time::max(),
      preferred};
    return board->admit_reading(request).done;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(address_book_suite, address_book_fixture)

BOOST_AUTO_TEST_CASE(readers_that_have_as_much_to_do_are_sent_to_in_turn) {
  BOOST_TEST((std::set{board->pick_reader(), board->pick_reader()} == std::set{first, second}));
  BOOST_TEST((std::set{board->pick_reader(), board->pick_reader()} == std::set{first, second}));
}

BOOST_AUTO_TEST_CASE(the_reader_with_less_to_do_goes_first) {
  keep_busy(0, 3);
  BOOST_TEST((board->pick_reader() == second));
  BOOST_TEST((board->pick_reader() == second));
  BOOST_TEST((board->pick_reader() == second));
}

BOOST_AUTO_TEST_CASE(a_reader_that_runs_something_is_sent_to_last) {
  BOOST_TEST(asks(0, 0));
  BOOST_TEST((board->pick_reader() == second));
  board->connect("reader-2", nullptr);
  BOOST_TEST((board->pick_reader() == first));
}

BOOST_AUTO_TEST_CASE(requests_for_rows_take_room_of_all_readers_together) {
  BOOST_TEST(asks(1'500'000));
  BOOST_TEST(asks(500'000));
  BOOST_TEST(!asks(1));
  BOOST_TEST(board->waiting_queries() == 2u);
  BOOST_TEST(board->readers_full() == nullptr); // What a reader is sent has room of its own.
  keep_busy(0, 100);
  keep_busy(1, 100);
  BOOST_TEST(board->readers_full() != nullptr);
}

BOOST_AUTO_TEST_CASE(only_a_request_that_finds_every_reader_busy_counts_as_waiting) {
  BOOST_TEST(asks(0));
  BOOST_TEST(asks(0));
  BOOST_TEST(board->pool().wait_count == 0);
  BOOST_TEST(asks(0));
  BOOST_TEST(asks(0, 1)); // It would have to wait though the other one were idle.
  BOOST_TEST(board->pool().wait_count == 1);
}

BOOST_AUTO_TEST_CASE(an_address_book_without_readers_or_closed_takes_nothing_for_them) {
  board->connect("reader-1", nullptr);
  BOOST_TEST(asks(1));
  board->connect("reader-2", nullptr);
  BOOST_TEST(!asks(1));
  BOOST_TEST(board->waiting_queries() == 0u);
  board->connect("reader-2", second);
  board->close();
  BOOST_TEST(!asks(1));
  BOOST_TEST(!asks(1, 1));
  BOOST_TEST((board->pick_reader() == caf::actor{}));
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
  BOOST_TEST(asks(0));
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
