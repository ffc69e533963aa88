#pragma once

#include "backlog.hpp"
#include "ledger.hpp"
#include "name_index.hpp"
#include "opened_log.hpp"
#include "protocol.hpp"
#include "shares.hpp"
#include "waiting_queries.hpp"
#include "write_options.hpp"

#include <millrace/actors/base/breaker.hpp>
#include <millrace/actors/base/histogram.hpp>
#include <millrace/actors/base/sample.hpp>
#include <millrace/actors/front/address_book.hpp>
#include <millrace/actors/front/admitted.hpp>
#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/queue/attempt_page.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// Gives each transaction its `seq`, makes it durable, passes it to the writer in order, and answers its client.
using queue_actor = caf::typed_actor<
  // Accepts one transaction.
  caf::replies_to<admitted_transaction>::with<outcome>,
  // Accepts one schema script or change, or what an operator wants.
  caf::replies_to<schema_script>::with<outcome>, caf::replies_to<schema_change>::with<outcome>,
  caf::replies_to<ordered_work>::with<outcome>,
  // Sets aside what the writer may be at.
  caf::replies_to<quarantine_set_aside>::with<outcome>,
  // Passes a query on to a reader once the state it asks for is applied.
  caf::replies_to<waiting_query>::with<row_set>,
  // Answers with the last `seq` once all that was accepted is applied.
  caf::replies_to<atom::drain>::with<std::uint64_t>,
  // From the writer.
  caf::reacts_to<writer_ready>, caf::reacts_to<batch_applied>, caf::reacts_to<work_refused>,
  caf::reacts_to<foreign_commit_seen>, caf::reacts_to<database_checkpointed>,
  // INTERNAL: syncs what has arrived; looks after idleness and deadlines.
  caf::reacts_to<atom::flush>, caf::reacts_to<atom::tick>, sampled>;

struct queue_options {
  /// Opens (and recovers) the log; called once by each incarnation, in its own thread.
  std::function<storage::result<opened_log>()> open_log;
  std::shared_ptr<address_book> board;
  std::shared_ptr<admission> room;
  /// Outlives the actor; each incarnation goes on with it.
  std::shared_ptr<name_index> names;
  /// Null where no deaths are counted.
  std::shared_ptr<storage::attempt_page> attempts;
  std::shared_ptr<millrace::breaker> breaker;
  /// What the queue knows to be applied, for whoever opens the log next.
  std::shared_ptr<std::atomic<std::uint64_t>> applied_seq = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::uint64_t window_bytes_max = write_options{}.window_bytes_max;
  std::uint32_t deaths_max = write_options{}.deaths_max;
  /// How long the writer lets a transaction compute.
  std::chrono::milliseconds transaction_time_max{5'000};
  /// How long the thread stays awake for a lone client; only where the actor has a thread of its own.
  std::chrono::microseconds awake_max{0};
  /// Called when nothing more may be acknowledged (a sync failed); it must end the process.
  std::function<void(const std::string&)> on_fatal;
};

class queue_state {
public:
  static inline const char* name = "queue";
  explicit queue_state(queue_actor::pointer self) : self_(self) {}
  /// Answers every promise it still holds.
  ~queue_state();
  queue_state(const queue_state&) = delete;
  queue_state& operator=(const queue_state&) = delete;

  queue_actor::behavior_type make_behavior(queue_options settings);

private:
  /// Work that is to be set aside, and who wants it, if anybody does.
  struct aside {
    storage::skip_order what;
    outcome_promise answer;
    bool though_promised = false; ///< Also where somebody was told that it is durable.
  };

  void adopt(opened_log opened);

  // Accepting.
  caf::result<outcome> accept(admitted_transaction& request);
  void accept_waiting();
  void take_in(admitted_transaction& request, outcome_promise answer, const caf::strong_actor_ptr& from_elsewhere);
  void answer_again(const admitted_transaction& request, outcome_promise answer, name_index::finding found);
  void refuse(const admitted_transaction& request, outcome_promise& answer, failure why);
  void refuse_waiting();
  template <class Script>
  caf::result<outcome> accept_script(Script& script);
  caf::result<outcome> accept_order(const ordered_work& request);
  void owe(storage::work item, ledger::debt owed);
  void note(storage::work item);
  void end_stretch();
  void add_to_open(storage::work item);
  void answer_from_record(outcome_promise& answer, std::uint64_t seq);

  // Writing.
  void flush();
  bool write_open();
  void forget_names();
  void refuse_open(const failure& why);

  // Feeding the writer.
  void feed_writer();
  void meet(const writer_ready& message);
  void settle(const batch_applied& message);
  void advance(std::uint64_t applied_seq, const ledger::settler& settler);
  void release(std::uint64_t checkpointed_seq);
  void rest();

  // Withholding.
  bool set_aside_what_is_due();
  bool look_at_suspect();
  caf::result<outcome> accept_set_aside(const quarantine_set_aside& request);
  void keep_what_was_promised();
  void give_up_overdrawn(monotonic_time now);
  void wish_aside(storage::skip_order what, outcome_promise answer);
  void take_requests_to_set_aside();
  void skip_expired(std::uint64_t first, std::uint64_t last);
  bool write_skip_order(storage::skip_order order);
  void note_timeouts(const storage::batch& work);
  void record_in_time(std::uint64_t applied);
  void count_death(std::uint64_t applied_seq);
  void count_against(std::uint64_t seq);
  void suspect(const work_refused& message);
  void be_careful(std::uint64_t last, std::uint64_t count_max);
  void meet_copy(std::uint64_t applied_seq);
  void hold_up(std::string why);

  // Waiting.
  caf::result<row_set> wait(waiting_query& request);
  caf::result<std::uint64_t> drain();
  void answer_drains();
  void arm_tick();
  void tick();
  sample take_sample() const;

  queue_actor::pointer self_; ///< Not owned; outlives the state.
  queue_options settings_;
  std::optional<storage::log> log_;

  std::shared_ptr<storage::batch> open_ = std::make_shared<storage::batch>(); ///< What has arrived since the last sync.
  std::uint64_t open_bytes_ = 0;
  storage::byte_writer scratch_; ///< Of what names are bound to.
  ledger ledger_;                ///< The newest debts belong to `open_`.
  shares shares_;

  std::uint64_t durable_seq_ = 0;
  std::uint64_t applied_seq_ = 0;
  std::uint64_t replay_end_ = 0; ///< What stood in the log when this incarnation began ends there.
  std::uint64_t checkpointed_seq_ = 0;
  std::uint64_t sent_seq_ = 0; ///< The last that the writer was given.
  std::uint64_t quarantined_ = 0;

  batch_applier writer_;                          ///< Null until one has reported.
  std::uint64_t opening_ = 0;                     ///< Its last.
  std::deque<std::uint64_t> in_flight_;           ///< Last `seq` of each batch the writer holds.
  std::uint64_t careful_until_ = 0;               ///< Up to here few pieces of work are tried at a time,
  std::uint64_t careful_count_max_ = 1;           ///< so many.
  std::vector<aside> asides_asked_;               ///< Due once the writer holds nothing.
  std::vector<aside> asides_due_;                 ///< Before the writer is given anything.
  std::pair<std::uint64_t, std::string> accused_; ///< What counted as a death last, and what it failed with.
  std::set<std::uint64_t> timed_;                 ///< What the writer was given that has a timeout.
  std::optional<backlog> backlog_;

  std::optional<waiting_queries> waiting_;
  std::vector<caf::typed_response_promise<std::uint64_t>> drains_;
  std::optional<failure> blocked_; ///< Why nothing could be written last.
  std::optional<failure> held_up_; ///< Why the writer is given nothing.
  monotonic_time progress_at_{};   ///< When the writer reported last, or was given work again.
  monotonic_time accepted_at_{};   ///< When something was, last, while anybody waited for a turn.
  std::uint64_t last_tick_seq_ = 0;
  bool tick_armed_ = false;
  bool witnessed_ = true;
  bool skip_wanted_ = false;   ///< Whether a skip could not be written and is to be tried again.
  bool stretch_ended_ = false; ///< Whether the end of a stretch is to be written.
  histogram sync_latency_;
};

queue_actor::behavior_type queue(queue_actor::stateful_pointer<queue_state> self, queue_options settings);

} // namespace millrace
