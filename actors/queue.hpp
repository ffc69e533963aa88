#pragma once

#include "histogram.hpp"
#include "internal.hpp"
#include "switchboard.hpp"

#include <millrace/storage/queue/log.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// Gives each transaction its `seq`, makes it durable, passes it to the writer in order, and answers its client.
using queue_actor = caf::typed_actor<
  // Accepts one transaction.
  caf::replies_to<admitted_transaction>::with<outcome>,
  // Accepts one schema script.
  caf::replies_to<schema_script>::with<outcome>,
  // Passes a query on to a reader once the state it asks for is applied.
  caf::replies_to<waiting_query>::with<row_set>,
  // Answers with the last `seq` once all that was accepted is applied.
  caf::replies_to<atom::drain>::with<std::uint64_t>,
  // From the writer.
  caf::reacts_to<writer_ready>, caf::reacts_to<batch_applied>, caf::reacts_to<database_checkpointed>,
  // INTERNAL: syncs what has arrived; looks after idleness and deadlines.
  caf::reacts_to<atom::flush>, caf::reacts_to<atom::tick>, sampled>;

struct queue_options {
  /// Opens (and recovers) the log; called once by each incarnation, in its own thread.
  std::function<storage::result<storage::log>()> open_log;
  std::shared_ptr<switchboard> board;
  std::shared_ptr<admission> room;
  std::uint64_t window_bytes_max = 64ull * 1024 * 1024;
  /// Called when nothing more may be acknowledged (a sync failed); it must end the process.
  std::function<void(const std::string&)> on_fatal;
};

class queue_state {
public:
  static inline const char* name = "queue";
  explicit queue_state(queue_actor::pointer self) : self_(self) {}
  /// Answers every promise it still holds with `outcome_unknown`.
  ~queue_state();
  queue_state(const queue_state&) = delete;
  queue_state& operator=(const queue_state&) = delete;

  queue_actor::behavior_type make_behavior(queue_options settings);

private:
  using outcome_promise = caf::typed_response_promise<outcome>;

  /// What is owed to the client of one `seq`.
  struct owed_answer {
    outcome_promise answer;
    std::uint32_t bytes = 0;
    ack acknowledgement = ack::applied;
    bool admitted = false; ///< Whether it holds room that must be given back.
  };
  struct waiter {
    std::uint64_t seq = 0;
    admitted_query admitted;
    caf::typed_response_promise<row_set> answer;
  };

  caf::result<outcome> accept(admitted_transaction& request);
  caf::result<outcome> accept_script(schema_script& script);
  outcome_promise owe(storage::work item, owed_answer owed);
  void flush();
  void answer_durable(const storage::batch& work);
  void refuse_batch(const storage::batch& work, const failure& why);
  void keep_in_window(storage::batch_ptr work, std::uint64_t bytes);
  void feed_writer();
  storage::batch_ptr next_for_writer();
  void meet(const writer_ready& message);
  void settle(const batch_applied& message);
  void settle_up_to(std::uint64_t seq, const std::function<void(owed_answer&)>& answer);
  caf::result<row_set> wait(waiting_query& request);
  void wake_waiters();
  void forward(waiter& one);
  void expire_waiters();
  caf::result<std::uint64_t> drain();
  void answer_drains();
  void arm_tick();
  void tick();
  sample take_sample() const;

  queue_actor::pointer self_; ///< Not owned; outlives the state.
  queue_options settings_;
  std::optional<storage::log> log_;

  std::shared_ptr<storage::batch> open_; ///< What has arrived since the last sync.
  std::uint64_t open_bytes_ = 0;
  std::deque<owed_answer> debts_; ///< One per `seq` from `first_debt_` on; the newest belong to `open_`.
  std::uint64_t first_debt_ = 1;

  std::uint64_t durable_seq_ = 0;
  std::uint64_t applied_seq_ = 0;
  std::uint64_t checkpointed_seq_ = 0;
  std::uint64_t sent_seq_ = 0; ///< The last that the writer was given.

  batch_applier writer_;                ///< Null until one has reported.
  std::deque<std::uint64_t> in_flight_; ///< Last `seq` of each batch the writer holds.

  struct window_entry {
    storage::batch_ptr work;
    std::uint64_t bytes = 0;
  };
  std::deque<window_entry> window_; ///< Newest unapplied batches without a gap, as many as fit.
  std::uint64_t window_bytes_ = 0;
  std::unique_ptr<storage::log_cursor> cursor_; ///< Reads back what is not in the window.

  std::vector<waiter> waiters_;
  std::vector<caf::typed_response_promise<std::uint64_t>> drains_;
  std::optional<failure> blocked_;
  std::uint64_t last_tick_seq_ = 0;
  bool tick_armed_ = false;
  bool witnessed_ = true;
  histogram sync_latency_;
};

queue_actor::behavior_type queue(queue_actor::stateful_pointer<queue_state> self, queue_options settings);

} // namespace millrace
