#pragma once

#include "power_loss_checker.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::test {

/// A recorded run, and the power losses that are tried on it.
class power_loss_experiment {
public:
  struct finding {
    std::uint64_t image = 0;
    std::size_t point = 0; ///< Before which event.
    std::string problem;
  };

  struct tally {
    std::uint64_t recordings = 0;
    std::uint64_t events = 0;
    std::uint64_t answers = 0;
    std::uint64_t images = 0;
    std::uint64_t unsynced = 0; ///< Operations that were not certain, over all images.
    std::uint64_t twice = 0;    ///< Images on whose recovery the power failed again.
    std::uint64_t failures = 0;
    std::optional<finding> found; ///< The first.

    tally& operator+=(const tally& other);
  };

  /// Throws where the run itself broke a promise.
  power_loss_experiment(recording_observer& observer, std::vector<disk_event> events, std::uint64_t seed,
                        std::uint64_t images);

  /// Tries all images, on a thread for each core; ends soon after the first failure.
  tally run() const;
  tally run_only(std::uint64_t image) const;

  const std::vector<disk_event>& events() const noexcept { return events_; }
  std::uint64_t seed() const noexcept { return seed_; }
  std::uint64_t images() const noexcept { return images_; }

private:
  tally begun() const;
  /// Every `step`-th image from `first` on up to before `end`.
  tally run_some(std::uint64_t first, std::uint64_t end, std::uint64_t step, std::atomic<bool>& stop) const;
  std::size_t point_of(std::uint64_t image, std::mt19937_64& random) const;

  recording_observer& observer_;
  std::vector<disk_event> events_;
  std::uint64_t seed_;
  std::uint64_t images_;
  power_loss_truth truth_;
};

/// Records a run in a folder of its own.
std::vector<disk_event> record_power_loss_run(recording_observer& observer, std::uint64_t seed,
                                              std::uint64_t transactions, missing_sync missing);

} // namespace millrace::test
