#include <millrace/actors/health/scrubber.hpp>
#include <millrace/tests/support/actors/actor_fixture.hpp>
#include <millrace/tests/support/actors/failing_reader.hpp>

#include <deque>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

using finding = storage::result<std::vector<std::string>>;

class searching_reader final : public failing_reader {
public:
  explicit searching_reader(finding found) : failing_reader(errc::bad_sql), found_(std::move(found)) {}

  finding find_damage(const storage::read_limits&) override { return found_; }

private:
  finding found_;
};

struct scrubber_fixture : actor_fixture {
  std::deque<finding> to_find; ///< By the next looks; nothing once it is empty.
  int looks = 0;
  scrubber_actor tested;

  ~scrubber_fixture() { end_all(); }

  void start(std::chrono::milliseconds interval) {
    auto open = [this]() -> storage::result<std::unique_ptr<storage::database_reader>> {
      ++looks;
      finding found;
      if (!to_find.empty()) {
        found = std::move(to_find.front());
        to_find.pop_front();
      }
      return std::make_unique<searching_reader>(std::move(found));
    };
    tested = track(system.spawn(scrubber, scrubber_options{.open_database = open, .interval = interval}));
    scheduler.run();
  }

  sample seen() {
    const auto answer = ask<sample>(tested, atom::sample::value);
    scheduler.run();
    BOOST_REQUIRE(answer->value.has_value());
    return *answer->value;
  }

  std::string told() {
    const auto known = seen().blocked;
    return known ? known->detail : "";
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(scrubber_suite, scrubber_fixture)

BOOST_AUTO_TEST_CASE(it_looks_after_a_tenth_of_its_interval_and_then_at_each) {
  start(1'000ms);
  pass(99ms);
  BOOST_TEST(looks == 0);
  pass(1ms);
  BOOST_TEST(looks == 1);
  pass(999ms);
  BOOST_TEST(looks == 1);
  pass(1ms);
  BOOST_TEST(looks == 2);
  BOOST_TEST(seen().scrubs == 2);
}

BOOST_AUTO_TEST_CASE(what_it_found_is_told_until_it_finds_nothing) {
  to_find = {std::vector<std::string>{"a", "b", "c", "d", "e"}, storage::fail(errc::corrupt, "malformed")};
  start(1'000ms);
  BOOST_TEST(told() == "");
  pass(100ms);
  BOOST_TEST(told() == "a; b; c; and 2 more");
  BOOST_TEST((seen().blocked->code == errc::corrupt));
  pass(100ms);
  BOOST_TEST(told() == "malformed");
  pass(100ms);
  BOOST_TEST(told() == "");
  BOOST_TEST(seen().scrubs == 3);
}

BOOST_AUTO_TEST_CASE(a_look_that_does_not_come_to_its_end_changes_nothing_and_is_tried_again_soon) {
  to_find = {std::vector<std::string>{"a"}, storage::fail(errc::lease_expired, ""), std::vector<std::string>{"b"}};
  start(1'000ms);
  pass(200ms);
  BOOST_TEST(looks == 2);
  BOOST_TEST(told() == "a");
  BOOST_TEST(seen().scrubs == 1);
  pass(100ms);
  BOOST_TEST(told() == "b");
  BOOST_TEST(seen().scrubs == 2);
}

BOOST_AUTO_TEST_CASE(looks_that_never_come_to_their_end_are_told_of) {
  to_find.assign(10, storage::fail(errc::lease_expired, "busy"));
  start(1'000ms);
  pass(900ms);
  BOOST_TEST(told() == "");
  pass(100ms);
  BOOST_TEST(told() == "busy");
  pass(100ms);
  BOOST_TEST(told() == "");
}

BOOST_AUTO_TEST_CASE(an_ended_scrubber_is_gone_long_before_its_next_look) {
  start(std::chrono::hours{24});
  const auto weak = caf::actor_cast<caf::weak_actor_ptr>(tested);
  kill(tested);
  spawned.clear();
  tested = nullptr;
  scheduler.advance_time(std::chrono::seconds{10});
  scheduler.run();
  BOOST_TEST(!weak.lock());
}

BOOST_AUTO_TEST_CASE(without_an_interval_it_never_looks) {
  start(0ms);
  BOOST_TEST(!scheduler.has_pending_timeout());
  BOOST_TEST(seen().scrubs == 0);
}

BOOST_AUTO_TEST_SUITE_END()
