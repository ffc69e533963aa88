#pragma once

#include "health_options.hpp"

#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/actors/base/sample.hpp>
#include <millrace/storage/database.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// Looks through the whole database for damage at a long interval, on a connection that it opens for that. What it
/// found stands in its sample until a later look finds nothing. A look holds one snapshot: where that keeps SQLite's
/// log from being emptied it ends like any reader past its lease.
using scrubber_actor = caf::typed_actor<
  // INTERNAL: looks.
  caf::reacts_to<atom::tick>, sampled>;

struct scrubber_options {
  storage::reader_opener open_database;
  /// Whether the database's log cannot be emptied; null means never.
  std::shared_ptr<const std::atomic<bool>> starving;
  /// Whether what still runs is to end at once; null means never.
  std::shared_ptr<const std::atomic<bool>> closing;
  /// How long it may hold a snapshot while `starving` is set.
  std::chrono::milliseconds lease{5'000};
  /// From one look to the next. The first one, and the next after one that found something or did not come to its end,
  /// come after a tenth of it. Zero means never.
  std::chrono::milliseconds interval = health_options{}.scrub_interval;
};

class scrubber_state {
public:
  static inline const char* name = "scrubber";
  explicit scrubber_state(scrubber_actor::pointer self) : self_(self) {}

  scrubber_actor::behavior_type make_behavior(scrubber_options settings);

private:
  void tick();
  void look();
  [[nodiscard]] storage::result<std::vector<std::string>> find_damage() const;
  void look_again_in(std::chrono::milliseconds delay);
  void arm();
  sample take_sample() const;

  scrubber_actor::pointer self_; ///< Not owned; outlives the state.
  scrubber_options settings_;
  monotonic_time due_; ///< When it looks next.
  std::optional<failure> damage_;
  failure last_obstacle_; ///< Of the look that failed last.
  unsigned failed_looks_ = 0;
  std::uint64_t scrubs_ = 0;
};

scrubber_actor::behavior_type scrubber(scrubber_actor::stateful_pointer<scrubber_state> self,
                                       scrubber_options settings);

} // namespace millrace
