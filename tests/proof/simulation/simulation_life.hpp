#pragma once

#include "simulation_history.hpp"
#include "simulation_machine.hpp"

#include <millrace/actors/client/courier.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/make_message.hpp>
#include <caf/scheduler/test_coordinator.hpp>

namespace millrace::test::simulated {

struct scheduler_config : system_config {
  scheduler_config() { set("scheduler.policy", caf::atom("testing")); }
};

/// A process on the simulated machine, from its start to its end: an actor system in one thread, an engine in it, and
/// clients whose answers are recorded. Which actor runs next, and how much time passes, is drawn from `random`.
class life {
public:
  /// All are borrowed and outlive it.
  life(simulation_machine& machine, std::mt19937_64& random, history& seen);
  life(const life&) = delete;
  life& operator=(const life&) = delete;
  /// Closes the engine where that was not done; nothing is recorded any more then.
  ~life();

  tl::expected<void, failure> open(options settings, storage::file_system& files);
  /// As a program ends that is told to.
  void close();
  /// The machine stopped: what is answered from now on reaches nobody.
  void cut_off();

  /// One message is handled, or time passes.
  void step();
  /// Holds one of those that could run back for so many steps.
  void stall(std::uint64_t steps);

  template <class Handle, class Request>
  std::size_t send(const Handle& to, Request request) {
    return send(caf::actor_cast<caf::strong_actor_ptr>(to), caf::make_message(std::move(request)));
  }

  engine& served() { return *engine_; }
  const courier_actor& courier() const { return courier_; }
  void kill_courier();
  /// Requests of this life without an answer.
  std::uint64_t unanswered() const;

private:
  class recorder;

  std::size_t send(const caf::strong_actor_ptr& to, caf::message request);
  void note(caf::message_id id, const caf::message& content);
  void let_timers_fire();
  void drain();

  simulation_machine& machine_;
  std::mt19937_64& random_;
  history& seen_;
  std::size_t first_exchange_;
  bool cut_off_ = false;
  scheduler_config config_;
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& scheduler_;
  caf::strong_actor_ptr recorder_;
  std::optional<engine> engine_;
  courier_actor courier_;
  caf::actor_id stalled_ = caf::invalid_actor_id;
  std::uint64_t stalled_for_ = 0;
};

} // namespace millrace::test::simulated
