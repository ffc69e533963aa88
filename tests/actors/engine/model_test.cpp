#include "model_engine.hpp"

#include <millrace/tests/support/environment.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <rapidcheck.h>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// What all sequences together may take, for each of them. What is left then is not played.
constexpr std::chrono::milliseconds time_max_each{120};
/// So many sequences are played with one engine. It remembers the names of all of them, and each start takes longer.
constexpr std::uint64_t sequences_per_engine = 1'000;
/// How long a shorter sequence is looked for that fails, too.
constexpr std::chrono::seconds search_max{40};

rc::Gen<step> any_step() {
  const auto deeds = rc::gen::weightedElement<deed>({{8, deed::write},
                                                     {5, deed::durable_write},
                                                     {6, deed::named_write},
                                                     {7, deed::resend},
                                                     {3, deed::hurried_write},
                                                     {2, deed::failing_write},
                                                     {2, deed::burst},
                                                     {6, deed::query},
                                                     {3, deed::kill},
                                                     {1, deed::lock},
                                                     {2, deed::unlock},
                                                     {4, deed::pause},
                                                     {1, deed::close_and_open}});
  return rc::gen::construct<step>(deeds, rc::gen::arbitrary<std::uint8_t>(), rc::gen::arbitrary<std::uint8_t>());
}

/// Up to about forty steps.
rc::Gen<std::vector<step>> any_sequence() {
  return rc::gen::scale(0.4, rc::gen::container<std::vector<step>>(any_step()));
}

std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& line : all) {
    text += line + '\n';
  }
  return text;
}

/// What was done and answered, over all engines.
struct tally {
  std::map<errc, std::uint64_t> answers;
  std::uint64_t kills = 0;
  std::uint64_t resends = 0;

  void add(const model_engine& played) {
    for (const auto& [code, count] : played.answers()) {
      answers[code] += count;
    }
    kills += played.kills();
    resends += played.resends();
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(model_suite)

BOOST_AUTO_TEST_CASE(whatever_is_sent_killed_locked_and_opened_again_every_request_is_answered_once_and_truly) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const auto sequences = from_environment("MILLRACE_TEST_SEQUENCES", 2'000);
  const auto parameters = "seed=" + std::to_string(seed) + " max_success=" + std::to_string(sequences);
  ::setenv("RC_PARAMS", parameters.c_str(), 0);
  BOOST_TEST_MESSAGE("replay with MILLRACE_TEST_SEED=" << seed);
  auto end = std::chrono::steady_clock::now() + time_max_each * static_cast<std::int64_t>(sequences);
  std::unique_ptr<model_engine> engine;
  std::uint64_t played = 0;
  tally total;
  const auto holds = rc::check("the model holds", [&] {
    const auto steps = *any_sequence();
    if (std::chrono::steady_clock::now() > end) {
      return;
    }
    auto tested = engine ? std::move(engine) : std::make_unique<model_engine>();
    const auto seen = tested->play(steps);
    const auto complaints = contradictions(seen);
    if (!complaints.empty()) {
      BOOST_TEST_MESSAGE(lines(complaints) << story(seen));
      end = std::min(end, std::chrono::steady_clock::now() + search_max);
      RC_FAIL(lines(complaints));
    }
    if (++played % sequences_per_engine == 0) {
      total.add(*tested);
    } else {
      engine = std::move(tested);
    }
  });
  BOOST_TEST(holds);
  BOOST_TEST_MESSAGE(played << " sequences");
  if (engine) {
    total.add(*engine);
  }
  for (const auto& [code, count] : total.answers) {
    BOOST_TEST_MESSAGE(count << " answers: " << name(code));
  }
  BOOST_TEST_MESSAGE(total.kills << " kills, " << total.resends << " resends");
}

BOOST_AUTO_TEST_SUITE_END()
