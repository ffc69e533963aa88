#include "power_loss_experiment.hpp"
#include "power_loss_workload.hpp"

#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>

#include <cstdlib>
#include <random>

#include <spdlog/spdlog.h>
#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::uint64_t images_per_recording = 2'500;
constexpr std::uint64_t transactions_per_recording = 700;
constexpr auto only_image = "MILLRACE_PROOF_IMAGE";
constexpr auto only_recording = "MILLRACE_PROOF_RECORDING";

struct power_loss_fixture {
  recording_observer observer;
  vfs_shim shim{observer};
  std::uint64_t seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  spdlog::level::level_enum usual_level = spdlog::get_level();

  power_loss_fixture() { spdlog::set_level(spdlog::level::off); }
  power_loss_fixture(const power_loss_fixture&) = delete;
  power_loss_fixture& operator=(const power_loss_fixture&) = delete;
  ~power_loss_fixture() { spdlog::set_level(usual_level); }

  power_loss_experiment record(std::uint64_t recording_seed, std::uint64_t images,
                               missing_sync missing = missing_sync::none) {
    return {observer, record_power_loss_run(observer, recording_seed, transactions_per_recording, missing),
            recording_seed, images};
  }

  /// Keeps the recording of a failure, since the threads of a further run would not do the same again.
  void explain(const power_loss_experiment& subject, const power_loss_experiment::finding& found) const {
    const auto file = std::filesystem::temp_directory_path()
                      / ("millrace-power-loss-" + std::to_string(subject.seed()) + ".recording");
    save(subject.events(), file);
    BOOST_TEST_ERROR("image " << found.image << ", power lost before event " << found.point << ": " << found.problem
                              << "\nrepeat with MILLRACE_TEST_SEED=" << subject.seed() << " MILLRACE_PROOF_IMAGES="
                              << subject.images() << " " << only_image << "=" << found.image << " " << only_recording
                              << "=" << file.string() << " test_proof --run_test=power_loss_suite");
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(power_loss_suite, power_loss_fixture)

BOOST_AUTO_TEST_CASE(nothing_acknowledged_is_lost_whatever_a_power_loss_leaves_of_what_was_not_synced) {
  BOOST_TEST_MESSAGE("replay with MILLRACE_TEST_SEED=" << seed);
  const auto images = from_environment("MILLRACE_PROOF_IMAGES", 10'000);
  power_loss_experiment::tally total;
  for (std::uint64_t done = 0, recorded = 0; done < images; ++recorded) {
    const auto count = std::min(images_per_recording, images - done);
    const auto* const file = std::getenv(only_recording);
    const auto subject = file == nullptr ? record(seed + recorded, count)
                                         : power_loss_experiment{observer, load_events(file), seed + recorded, count};
    const auto* const only = std::getenv(only_image);
    const auto result = only == nullptr ? subject.run() : subject.run_only(std::stoull(only));
    total += result;
    if (result.found) {
      explain(subject, *result.found);
    }
    done += count;
    BOOST_TEST_MESSAGE(done << " images");
  }
  BOOST_TEST(total.failures == 0u);
  report({.proof = "power loss",
          .injected = "crash images",
          .times = total.images,
          .failures = total.failures,
          .detail = std::to_string(total.recordings) + " recorded runs with " + std::to_string(total.events)
                    + " events and " + std::to_string(total.answers) + " answers to clients; "
                    + std::to_string(total.unsynced) + " operations were unsynced when the power was lost, "
                    + std::to_string(total.twice) + " times it was lost again during recovery; seed "
                    + std::to_string(seed)});
}

/// Proof that the proof can fail: without this sync a power loss must be seen to break a promise.
static void check_that_it_is_missed(power_loss_fixture& self, missing_sync missing) {
  constexpr std::uint64_t attempts = 5;
  constexpr std::uint64_t images = 500;
  bool missed = false;
  for (std::uint64_t attempt = 0; attempt < attempts && !missed; ++attempt) {
    const auto result = self.record(self.seed + attempt, images, missing).run();
    missed = result.found.has_value();
    BOOST_TEST_MESSAGE((missed ? result.found->problem : "not noticed")
                       << " after " << result.images << " images of run " << attempt);
  }
  BOOST_TEST(missed);
}

BOOST_AUTO_TEST_CASE(a_queue_that_does_not_sync_its_files_is_found_out) {
  check_that_it_is_missed(*this, missing_sync::queue_files);
}

BOOST_AUTO_TEST_CASE(a_queue_that_does_not_sync_its_folder_is_found_out) {
  check_that_it_is_missed(*this, missing_sync::queue_folder);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_does_not_sync_the_log_of_the_database_first_is_found_out) {
  check_that_it_is_missed(*this, missing_sync::database_log);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_does_not_sync_the_database_is_found_out) {
  check_that_it_is_missed(*this, missing_sync::database);
}

BOOST_AUTO_TEST_SUITE_END()
