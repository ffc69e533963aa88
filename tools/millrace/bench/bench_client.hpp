#pragma once

#include "bench_run.hpp"

#include <millrace/messages/wire/interfaces.hpp>

#include <memory>
#include <random>

#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::tools {

/// Tables of a benchmark, for the engine to make.
schema_script bench_schema();
schema_script kept_schema();

/// One client in a closed loop: sends a request, waits for its answer, sends the next, until the run is over.
class bench_client_state {
public:
  static inline const char* name = "bench_client";
  explicit bench_client_state(caf::event_based_actor* self) : self_(self) {}
  ~bench_client_state();
  bench_client_state(const bench_client_state&) = delete;
  bench_client_state& operator=(const bench_client_state&) = delete;

  caf::behavior make_behavior(std::shared_ptr<bench_run> run, engine_actor front);

private:
  bool reads();
  std::uint64_t key();
  void next(bench_run::clock::time_point now);
  void write();
  void send_write();
  void ask_for_id();
  transaction make_write();
  void read();
  void done();
  void failed(errc code);
  void write_done();
  void write_failed(errc code);

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  std::shared_ptr<bench_run> run_;
  engine_actor front_;
  bench_run::clock::time_point sent_;
  std::string payload_;
  std::uint64_t writes_ = 0;
  std::uint64_t key_ = 0;   ///< Of the write on its way.
  transaction_name name_;   ///< Likewise, or of the last named one; without a client until the engine has issued an id.
  bool named_ = false;      ///< Whether it has that name.
  bool unanswered_ = false; ///< Whether that write is to be sent again.
  bench_run::kept_rows* kept_ = nullptr;
  std::minstd_rand random_; ///< Small: a thousand clients take turns on the same cache.
};

caf::behavior bench_client(caf::stateful_actor<bench_client_state>* self, std::shared_ptr<bench_run> run,
                           engine_actor front);

} // namespace millrace::tools
