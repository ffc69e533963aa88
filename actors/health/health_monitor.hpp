#pragma once

#include "health_options.hpp"

#include <millrace/actors/base/breaker.hpp>
#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/actors/base/sample.hpp>
#include <millrace/actors/front/address_book.hpp>
#include <millrace/messages/health.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// Who wants to know of changes. One that takes only one of the two events lives with the other: CAF drops a message
/// that an actor has no handler for, with a line on standard output.
using health_listener = caf::typed_actor<caf::reacts_to<health_changed>, caf::reacts_to<breaker_changed>>;

/// Looks at every supervised actor at an interval and says how the engine is.
using health_monitor_actor = caf::typed_actor<caf::replies_to<health_request>::with<health_report>,
                                              // Subscribes the sender to `health_changed` and `breaker_changed`.
                                              caf::replies_to<health_subscription>::with<health_report>,
                                              // Passes the event on to all who subscribed.
                                              caf::reacts_to<breaker_changed>,
                                              // INTERNAL: looks again.
                                              caf::reacts_to<atom::tick>>;

struct health_monitor_options {
  std::shared_ptr<address_book> board;
  std::shared_ptr<admission> room; ///< For transactions.
  std::shared_ptr<breaker> transactions;
  std::shared_ptr<breaker> queries;
  std::chrono::milliseconds interval = health_options{}.interval;
  /// More pages than these in SQLite's log are a cause for concern.
  std::uint64_t wal_pages_max = 0;
  /// Who is told of changes; outlives restarts of the monitor, which alone uses it.
  std::shared_ptr<std::vector<health_listener>> subscribers = std::make_shared<std::vector<health_listener>>();
};

class health_monitor_state {
public:
  static inline const char* name = "monitor";
  explicit health_monitor_state(health_monitor_actor::pointer self) : self_(self) {}

  health_monitor_actor::behavior_type make_behavior(health_monitor_options settings);

private:
  /// What an actor counts from its own start, added up over its restarts.
  class running_total {
  public:
    /// Takes what the actor counts now; says by how much the sum grew.
    std::uint64_t update(std::uint64_t counted) noexcept;
    std::uint64_t sum() const noexcept { return sum_; }

  private:
    std::uint64_t counted_ = 0;
    std::uint64_t sum_ = 0;
  };

  void look();
  void answered(std::uint64_t round, const std::string& id, sample seen);
  void missed(std::uint64_t round, const std::string& id);
  void finish_if_complete();
  void add_up(const std::string& id, const sample& seen);
  void watch_writer(std::uint64_t tried_seq);
  void watch_replay(const sample& queue);
  health_report evaluate() const;
  void judge_queue(health_report& report) const;
  void judge_writer(health_report& report) const;
  void judge_database(health_report& report) const;
  void judge_readers(health_report& report) const;
  void judge_scrubber(health_report& report) const;
  void judge_breakers(health_report& report) const;
  void publish(health_report report);
  health_report subscribe();
  template <class Event>
  void tell(const Event& event) {
    for (const auto& subscriber : *settings_.subscribers) {
      // CAF answers a message that has no handler with an error, and an error ends the actor that it comes to.
      caf::anon_send(subscriber, event);
    }
  }

  health_monitor_actor::pointer self_; ///< Not owned; outlives the state.
  health_monitor_options settings_;
  std::uint64_t round_ = 0;
  std::size_t awaited_ = 0;                ///< Samples of this round that are still to come.
  std::map<std::string, sample> samples_;  ///< The newest of each actor.
  std::map<std::string, bool> responding_; ///< In this round.
  running_total foreign_commits_;
  std::uint64_t tried_seq_ = 0;                          ///< What the writer ran when it was last looked at,
  monotonic_time tried_since_;                           ///< and when that was first seen.
  bool tried_long_ = false;                              ///< Whether that is long, and was logged.
  std::uint64_t replay_left_ = 0;                        ///< Of what stood in the log at the start,
  monotonic_time replay_since_;                          ///< since when that is seen,
  monotonic_time replay_told_;                           ///< and when it was logged last.
  monotonic_time foreign_until_ = monotonic_time::min(); ///< So long a commit by somebody else is a cause for concern.
  health_report report_;
};

health_monitor_actor::behavior_type health_monitor(health_monitor_actor::stateful_pointer<health_monitor_state> self,
                                                   health_monitor_options settings);

} // namespace millrace
