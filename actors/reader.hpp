#pragma once

#include "histogram.hpp"
#include "internal.hpp"
#include "switchboard.hpp"

#include <millrace/storage/database.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// Owns one read-only connection and answers queries from it.
using reader_actor = caf::typed_actor<
  // Answers one query.
  caf::replies_to<admitted_query>::with<row_set>,
  // Answers with the number of queries answered so far, once all that arrived before are among them.
  caf::replies_to<atom::drain>::with<std::uint64_t>,
  // INTERNAL: runs the queries that have arrived.
  caf::reacts_to<atom::run>, sampled>;

struct reader_options {
  std::function<storage::result<std::unique_ptr<storage::database_reader>>()> open_database;
  std::shared_ptr<switchboard::reader_slot> slot;
};

class reader_state {
public:
  static inline const char* name = "reader";
  explicit reader_state(reader_actor::pointer self) : self_(self) {}
  /// Answers what it has taken and not run with `reader_failed`.
  ~reader_state();
  reader_state(const reader_state&) = delete;
  reader_state& operator=(const reader_state&) = delete;

  reader_actor::behavior_type make_behavior(reader_options settings);

private:
  struct pending_query {
    admitted_query admitted;
    caf::typed_response_promise<row_set> answer;
  };

  caf::result<row_set> take(admitted_query& request);
  caf::result<std::uint64_t> drain();
  void run_all();
  void run(pending_query& one);
  sample take_sample() const;

  reader_actor::pointer self_; ///< Not owned; outlives the state.
  reader_options settings_;
  std::unique_ptr<storage::database_reader> database_;
  std::vector<pending_query> pending_;
  std::vector<caf::typed_response_promise<std::uint64_t>> drains_;
  histogram query_latency_;
};

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self, reader_options settings);

} // namespace millrace
