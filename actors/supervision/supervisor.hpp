#pragma once

#include "restart_options.hpp"

#include <millrace/actors/base/backoff.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

namespace atom {
using stop = caf::atom_constant<caf::atom("stop")>;
using restart = caf::atom_constant<caf::atom("restart")>;
} // namespace atom

/// When a child that ended is started again (OTP: supervisor, restart types).
enum class restart_policy : std::uint8_t {
  permanent, ///< Always.
  transient, ///< Only when it ended with an error.
  temporary, ///< Never.
};

/// Who is restarted when a child ends (OTP: supervisor, restart strategies).
enum class restart_strategy : std::uint8_t {
  one_for_one,  ///< The child alone.
  rest_for_one, ///< The child and those after it in the list, which build on it.
};

struct child_spec {
  std::string id;
  /// Spawns the actor and returns at once; called by the supervisor. May be called again while the state of an earlier
  /// incarnation is already destroyed, never before. What it throws escalates.
  std::function<caf::actor()> start;
  restart_policy policy = restart_policy::permanent;
  /// Told the new address after each start, and a null one as soon as the child is known to be down.
  std::function<void(const caf::actor&)> on_change = [](const caf::actor&) {};
  /// A supervisor is given as long to end as its own children take (OTP: `shutdown => infinity`): killed, it could not
  /// wait for them.
  bool is_supervisor = false;
};

struct supervisor_options {
  restart_strategy strategy = restart_strategy::one_for_one;
  /// Beyond that it escalates: it stops its children and itself.
  restart_options intensity;
  /// The first restart is immediate, the next ones wait so long; a quiet period starts over.
  backoff_options delay;
  std::chrono::milliseconds quiet_period{5'000};
  /// How long a child may take to end before it is killed, and then before it is given up.
  std::chrono::milliseconds stop_deadline{5'000};
  /// Called once when intensity is exceeded or the supervisor threw, with the reason, before the supervisor ends.
  std::function<void(const std::string&)> on_escalation = [](const std::string&) {};
};

/// Starts children in order, restarts them as their policies and the strategy say, stops them in reverse order. It
/// knows nothing of what they do, and may be a child itself: an exit message makes it stop its children before it ends.
using supervisor_actor = caf::typed_actor<
  // Stops all children in reverse order, answers, and ends.
  caf::replies_to<atom::stop>::with<atom::stop>,
  // INTERNAL: a delay is over, or a deadline passed; the number tells stale ones.
  caf::reacts_to<atom::restart, std::uint64_t>>;

class supervisor_state {
public:
  static inline const char* name = "supervisor";
  explicit supervisor_state(supervisor_actor::pointer self) : self_(self) {}
  ~supervisor_state();
  supervisor_state(const supervisor_state&) = delete;
  supervisor_state& operator=(const supervisor_state&) = delete;

  supervisor_actor::behavior_type make_behavior(std::vector<child_spec> children, supervisor_options settings);

private:
  using clock = caf::actor_clock::clock_type;

  struct child {
    child_spec spec;
    caf::actor address;      ///< Null while it is down.
    bool wanted = true;      ///< Whether it is to be started again.
    bool stopping = false;   ///< Whether it was told to end.
    std::uint64_t token = 0; ///< Of the restart or deadline that is awaited.
    backoff delay;
    clock::time_point last_start{};
  };

  void start(child& one);
  void down(const caf::down_msg& message);
  void failed(child& one, const caf::error& reason);
  void escalate(const std::string& why);
  caf::error threw(const std::exception_ptr& thrown);
  bool too_many_restarts();
  void schedule(child& one);
  void restart(std::uint64_t token);
  void stop_later_siblings(const child& one);
  void tell_to_end(child& one);
  void stop_next();
  caf::result<atom::stop> stop();
  void asked_to_end(const caf::exit_msg& message);
  void end();

  supervisor_actor::pointer self_; ///< Not owned; outlives the state.
  std::vector<child> children_;
  supervisor_options settings_;
  std::deque<clock::time_point> restarts_;
  std::uint64_t tokens_ = 0;
  bool ending_ = false;
  caf::error reason_; ///< Why it ends, where not because it was asked to.
  std::vector<caf::typed_response_promise<atom::stop>> stop_promises_;
};

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
                                           std::vector<child_spec> children, supervisor_options settings);

} // namespace millrace
