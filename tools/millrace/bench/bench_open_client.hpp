#pragma once

#include "bench_run.hpp"

#include <millrace/messages/wire/interfaces.hpp>

#include <cstdint>
#include <memory>
#include <string>

#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::tools {

/// One client in an open loop: sends appends on a schedule of its own whether or not earlier ones are answered, and
/// never one of them again. So an engine that is too slow does not slow its clients down.
class open_client_state {
public:
  static inline const char* name = "open_client";
  explicit open_client_state(caf::event_based_actor* self) : self_(self) {}
  ~open_client_state();
  open_client_state(const open_client_state&) = delete;
  open_client_state& operator=(const open_client_state&) = delete;

  caf::behavior make_behavior(std::shared_ptr<bench_run> run, engine_actor front, double per_second);

private:
  void tick();
  std::uint64_t burst_max() const;
  void send();

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  std::shared_ptr<bench_run> run_;
  engine_actor front_;
  double per_second_ = 0.0;
  bench_run::clock::time_point started_;
  std::uint64_t due_ = 0; ///< How many were due so far.
  std::uint64_t sent_ = 0;
  std::uint64_t outstanding_ = 0;
  std::string payload_;
};

/// Sends `per_second` requests, spread in small groups.
caf::behavior open_client(caf::stateful_actor<open_client_state>* self, std::shared_ptr<bench_run> run,
                          engine_actor front, double per_second);

} // namespace millrace::tools
