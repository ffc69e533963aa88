#include <millrace/actors/write/checkpoint_pace.hpp>

#include <chrono>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace std::chrono_literals;

namespace {

constexpr auto commit = 1ms;

struct checkpoint_pace_fixture {
  checkpoint_pace_fixture() {
    for (int i = 0; i < 1'000; ++i) {
      pace.committed(commit);
    }
  }

  void checkpoint_often(std::chrono::milliseconds took) {
    for (int i = 0; i < 100; ++i) {
      pace.checkpointed(took);
    }
  }

  checkpoint_pace pace{200, 4'000};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(checkpoint_pace_suite, checkpoint_pace_fixture)

BOOST_AUTO_TEST_CASE(at_first_the_fewest_pages_are_due) {
  BOOST_TEST(pace.due(200));
  BOOST_TEST(!pace.due(199));
}

BOOST_AUTO_TEST_CASE(while_pauses_are_short_beside_commits_more_pages_may_wait) {
  pace.checkpointed(2 * commit);
  BOOST_TEST(pace.pages() == 250);
  checkpoint_often(2 * commit);
  BOOST_TEST(pace.pages() == 4'000);
}

BOOST_AUTO_TEST_CASE(after_long_pauses_fewer_pages_may_wait) {
  checkpoint_often(2 * commit);
  pace.checkpointed(100 * commit);
  BOOST_TEST(pace.pages() == 3'000);
  checkpoint_often(100 * commit);
  BOOST_TEST(pace.pages() == 200);
}

BOOST_AUTO_TEST_CASE(what_commits_take_is_learnt_anew_when_it_changes) {
  for (int i = 0; i < 1'000; ++i) {
    pace.committed(100us);
  }
  pace.checkpointed(2 * commit);
  BOOST_TEST(pace.pages() == 200);
}

BOOST_AUTO_TEST_CASE(the_most_is_never_below_the_least) {
  checkpoint_pace narrow{200, 50};
  narrow.committed(commit);
  narrow.checkpointed(0ms);
  BOOST_TEST(narrow.pages() == 200);
}

BOOST_AUTO_TEST_SUITE_END()
