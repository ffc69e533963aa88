#include <millrace/actors/base/obstacle.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/printing.hpp>

#include <boost/test/unit_test.hpp>

#include <caf/error.hpp>
#include <caf/sec.hpp>

using namespace millrace;

BOOST_AUTO_TEST_SUITE(obstacle_suite)

BOOST_AUTO_TEST_CASE(what_an_actor_waits_for_is_told_and_not_that_an_outcome_is_not_known) {
  BOOST_TEST(obstacle_text({errc::outcome_unknown, "the commit failed: The disk is full"})
             == "the commit failed: The disk is full");
  BOOST_TEST(obstacle_text({errc::disk_full, "which"}) == "The disk is full; make room, then try again. (which)");
}

BOOST_AUTO_TEST_CASE(a_request_that_was_not_answered_in_time_is_told_as_that) {
  const auto why = failure_of(make_error(caf::sec::request_timeout));
  BOOST_TEST(why.code == errc::outcome_unknown);
  BOOST_TEST(why.detail == "no answer came in time");
}

BOOST_AUTO_TEST_SUITE_END()
