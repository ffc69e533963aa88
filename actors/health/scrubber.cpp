#include "scrubber.hpp"

#include <millrace/actors/base/logger.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

namespace {

constexpr std::size_t findings_told_max = 3;

/// So many looks in a row that do not come to their end are told of.
constexpr unsigned failed_looks_max = 10;

/// CAF keeps an actor, and with it its thread, as long as a delayed message for it is on its way.
constexpr std::chrono::milliseconds step_max{10'000};

failure damage(const std::vector<std::string>& found) {
  std::string detail;
  for (std::size_t i = 0; i < found.size() && i < findings_told_max; ++i) {
    detail += (i == 0 ? "" : "; ") + found[i];
  }
  if (found.size() > findings_told_max) {
    detail += "; and " + std::to_string(found.size() - findings_told_max) + " more";
  }
  return {errc::corrupt, std::move(detail)};
}

} // namespace

scrubber_actor::behavior_type scrubber_state::make_behavior(scrubber_options settings) {
  settings_ = std::move(settings);
  if (settings_.interval.count() > 0) {
    look_again_in(settings_.interval / 10);
  }
  return {
    [this](atom::tick) { tick(); },
    [this](atom::sample) { return take_sample(); },
  };
}

void scrubber_state::tick() {
  if (self_->clock().now() >= due_) {
    look();
  } else {
    arm();
  }
}

void scrubber_state::look() {
  const auto found = find_damage();
  if (!found && found.error().code != errc::corrupt) {
    logger()->warn("the search for damage in the database did not come to its end: {}", to_string(found.error()));
    ++failed_looks_;
    last_obstacle_ = found.error();
    look_again_in(settings_.interval / 10);
    return;
  }
  failed_looks_ = 0;
  ++scrubs_;
  damage_.reset();
  if (!found) {
    damage_ = found.error();
  } else if (!found->empty()) {
    damage_ = damage(*found);
  }
  if (damage_) {
    logger()->error("the database is damaged: {}", to_string(*damage_));
  }
  look_again_in(damage_ ? settings_.interval / 10 : settings_.interval); // Somebody may mend it.
}

storage::result<std::vector<std::string>> scrubber_state::find_damage() const {
  auto database = settings_.open_database();
  if (!database) {
    return tl::unexpected{std::move(database).error()};
  }
  return (*database)->find_damage({.lease_end = std::chrono::steady_clock::now() + settings_.lease,
                                   .starving = settings_.starving.get(),
                                   .closing = settings_.closing.get()});
}

void scrubber_state::look_again_in(std::chrono::milliseconds delay) {
  due_ = self_->clock().now() + delay;
  arm();
}

void scrubber_state::arm() {
  self_->delayed_send(self_, std::min<monotonic_time::duration>(due_ - self_->clock().now(), step_max),
                      atom::tick::value);
}

sample scrubber_state::take_sample() const {
  sample result;
  result.blocked = damage_;
  if (!damage_ && failed_looks_ >= failed_looks_max) {
    result.blocked = last_obstacle_;
  }
  result.scrubs = scrubs_;
  return result;
}

scrubber_actor::behavior_type scrubber(scrubber_actor::stateful_pointer<scrubber_state> self,
                                       scrubber_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
