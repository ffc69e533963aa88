#include "reader_fixture.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::chrono::milliseconds well_after_hold{500};

struct lease_fixture : reader_fixture {
  lease_fixture() { start_with(std::chrono::milliseconds{50}); }

  void start_with(std::chrono::milliseconds lease) {
    settings.lease = lease;
    start();
  }

  /// Leaves a result of three rows at its second page.
  page_cursor leave_page() {
    const auto page = first_page(select("SELECT n FROM t ORDER BY n"), 1);
    BOOST_REQUIRE_MESSAGE(page.value, to_string(page.error));
    return *page.value->next;
  }

  /// Lets readers be in the way for so long that nothing is held back for it any more.
  void starve() {
    *starving = true;
    send(select("SELECT 1"));
    pass(well_after_hold);
  }

  std::uint64_t kept() const { return board->pool().cursors; }
  std::uint64_t leases_ended() const { return board->pool().leases_ended; }
};

constexpr std::chrono::milliseconds well_after_lease{200};
constexpr std::chrono::seconds long_after_lease{10};

} // namespace

BOOST_FIXTURE_TEST_SUITE(reader_lease, lease_fixture)

BOOST_AUTO_TEST_CASE(an_endless_query_is_interrupted_after_its_lease_while_the_log_cannot_be_emptied) {
  starve();
  const auto alone = rows_of(endless(), soon(long_after_lease));
  BOOST_TEST(alone.code() == errc::lease_expired);
  const auto first = send(endless(), soon(long_after_lease));
  const auto second = send(select("SELECT n FROM t"));
  scheduler.run();
  BOOST_TEST(first->code() == errc::lease_expired);
  BOOST_TEST(second->value.has_value());
  BOOST_TEST(leases_ended() == 2);
}

BOOST_AUTO_TEST_CASE(an_endless_query_runs_until_its_deadline_while_the_log_can_be_emptied) {
  BOOST_TEST(rows_of(endless(), soon(well_after_lease)).code() == errc::deadline_exceeded);
  BOOST_TEST(first_page(endless(), 1, soon(well_after_lease)).code() == errc::deadline_exceeded);
  BOOST_TEST(leases_ended() == 0);
}

BOOST_AUTO_TEST_CASE(an_endless_page_is_interrupted_after_its_lease_while_the_log_cannot_be_emptied) {
  starve();
  BOOST_TEST(first_page(endless(), 1, soon(long_after_lease)).code() == errc::lease_expired);
  BOOST_TEST(leases_ended() == 1);
  BOOST_TEST(kept() == 0);
}

BOOST_AUTO_TEST_CASE(nothing_is_begun_while_the_log_cannot_be_emptied_until_it_can) {
  *starving = true;
  const auto rows = send(select("SELECT n FROM t"));
  const auto page = request<row_page>(admitted_page_query{{select("SELECT n FROM t"), 1}, 0, monotonic_time::max()});
  pass(std::chrono::milliseconds{100});
  BOOST_TEST(rows->count == 0);
  BOOST_TEST(page->count == 0);
  BOOST_TEST(kept() == 0);
  *starving = false;
  pass(std::chrono::milliseconds{20});
  BOOST_TEST(rows->value.has_value());
  BOOST_TEST(page->value.has_value());
}

BOOST_AUTO_TEST_CASE(nothing_is_held_back_for_longer_than_older_snapshots_may_last) {
  *starving = true;
  const auto rows = send(select("SELECT n FROM t"));
  const auto page = request<row_page>(admitted_page_query{{select("SELECT n FROM t"), 3}, 0, monotonic_time::max()});
  pass(well_after_hold);
  BOOST_TEST(rows->value.has_value());
  BOOST_TEST(page->value.has_value());
  BOOST_TEST(rows_of(select("SELECT n FROM t")).value.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_held_back_past_its_deadline_is_refused_and_the_others_wait_on) {
  *starving = true;
  const auto until = soon(std::chrono::milliseconds{20});
  const auto late = send(select("SELECT n FROM t"), until);
  const auto late_page = request<row_page>(admitted_page_query{{select("SELECT n FROM t"), 1}, 0, until});
  const auto patient = send(select("SELECT n FROM t"));
  while (std::chrono::steady_clock::now() <= until) {}
  pass(std::chrono::milliseconds{20});
  BOOST_TEST(late->code() == errc::deadline_exceeded);
  BOOST_TEST(late_page->code() == errc::deadline_exceeded);
  BOOST_TEST(patient->count == 0);
  board->connect("reader-1", nullptr);
  scheduler.run();
  BOOST_TEST(patient->code() == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(pages_go_on_while_the_log_cannot_be_emptied_and_are_not_begun_anew) {
  start_with(std::chrono::milliseconds{1'000});
  const auto second = leave_page();
  *starving = true;
  const auto third = next_page(second);
  BOOST_REQUIRE(third.value.has_value());
  BOOST_TEST(next_page(second).code() == errc::cursor_lost);
  BOOST_TEST(next_page(*third.value->next).value.has_value());
}

BOOST_AUTO_TEST_CASE(a_result_that_nobody_asks_for_is_dropped_after_its_lease) {
  start_with(std::chrono::milliseconds{1'000});
  leave_page();
  pass(std::chrono::milliseconds{900});
  BOOST_TEST(kept() == 1);
  pass(std::chrono::milliseconds{300});
  BOOST_TEST(kept() == 0);
  BOOST_TEST(leases_ended() == 0);
}

BOOST_AUTO_TEST_CASE(a_result_that_is_asked_for_outlives_its_lease_unless_the_log_cannot_be_emptied) {
  start_with(std::chrono::milliseconds{1'000});
  const auto second = leave_page();
  pass(std::chrono::milliseconds{600});
  BOOST_TEST(next_page(second).value.has_value());
  pass(std::chrono::milliseconds{600});
  BOOST_TEST(kept() == 1);
  *starving = true;
  pass(std::chrono::milliseconds{300});
  BOOST_TEST(kept() == 0);
  BOOST_TEST(leases_ended() == 1);
}

BOOST_AUTO_TEST_CASE(a_page_behind_a_dropped_result_comes_if_nothing_was_written_and_is_lost_otherwise) {
  start_with(std::chrono::milliseconds{1'000});
  const auto second = leave_page();
  pass(std::chrono::milliseconds{1'300});
  BOOST_REQUIRE_EQUAL(kept(), 0u);
  const auto found = next_page(second);
  BOOST_REQUIRE(found.value.has_value());
  BOOST_TEST(found.value->rows[0][0].as_integer() == 2);
  pass(std::chrono::milliseconds{1'300});
  apply(execute("INSERT INTO t VALUES (4)"));
  BOOST_TEST(next_page(second).code() == errc::cursor_lost);
}

BOOST_AUTO_TEST_SUITE_END()
