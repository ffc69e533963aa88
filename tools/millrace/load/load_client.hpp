#pragma once

#include "load_run.hpp"

#include <millrace/actors/base/backoff.hpp>
#include <millrace/actors/client/resend.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::tools {

/// How a row gets into the table.
struct row_task {
  std::string insert;
  std::optional<std::int64_t> load; ///< Where each row is to be recorded, for which load.
  bool adds_one_row = true;         ///< Whether it fails where the table does not take exactly one row.
  bool named = false;               ///< Whether the engine is to know a row that is sent again by its name.
};

/// Sends one row per transaction and waits for its answer, until there are no more rows. What `worth_resending` says is
/// tried again with growing delays for as long as the load goes on; one of unknown outcome is resent only where rows
/// are recorded or named, and else reported, since that could load the row twice. A client that is ended reports its
/// row.
class load_client_state {
public:
  static inline const char* name = "load_client";
  explicit load_client_state(caf::event_based_actor* self) : self_(self) {}
  ~load_client_state();
  load_client_state(const load_client_state&) = delete;
  load_client_state& operator=(const load_client_state&) = delete;

  caf::behavior make_behavior(std::shared_ptr<load_run> run, engine_actor front, std::shared_ptr<const row_task> task);

private:
  void next_row();
  void begin(record row);
  void send();
  void ask_for_id();
  void applied();
  void failed(const failure& reason);

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  std::shared_ptr<load_run> run_;
  engine_actor front_;
  std::shared_ptr<const row_task> task_;
  std::optional<record> row_; ///< Until its end is known.
  bool under_way_ = false;    ///< Whether the row was sent and has no answer.
  std::optional<done_rows::span> fold_;
  load_run::clock::time_point first_sent_;
  transaction_name name_; ///< Of the row, where rows are named; without a client until the engine has issued an id.
  resend life_{{}, {}};
  backoff delays_{{}};
};

/// Looks up a few rows again and again, so that there are queries in readers while rows are loaded.
class lookup_client_state {
public:
  static inline const char* name = "lookup_client";
  explicit lookup_client_state(caf::event_based_actor* self) : self_(self) {}
  ~lookup_client_state();
  lookup_client_state(const lookup_client_state&) = delete;
  lookup_client_state& operator=(const lookup_client_state&) = delete;

  caf::behavior make_behavior(std::shared_ptr<load_run> run, engine_actor front, std::string table);

private:
  void look_up();
  void failed(const failure& reason);

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  std::shared_ptr<load_run> run_;
  engine_actor front_;
  std::string select_;
  std::minstd_rand random_;
};

caf::behavior load_client(caf::stateful_actor<load_client_state>* self, std::shared_ptr<load_run> run,
                          engine_actor front, std::shared_ptr<const row_task> task);

caf::behavior lookup_client(caf::stateful_actor<lookup_client_state>* self, std::shared_ptr<load_run> run,
                            engine_actor front, std::string table);

} // namespace millrace::tools
