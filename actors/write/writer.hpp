#pragma once

#include "checkpoint_pace.hpp"
#include "protocol.hpp"
#include "write_options.hpp"

#include <millrace/actors/base/backoff.hpp>
#include <millrace/actors/base/breaker.hpp>
#include <millrace/actors/base/histogram.hpp>
#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/actors/base/sample.hpp>
#include <millrace/storage/database.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// The sole owner of the write connection: applies batches in the order of their sequence numbers, and checkpoints.
using writer_actor = caf::typed_actor<
  // Applies a batch; `batch_applied` goes to the queue once it is committed.
  caf::reacts_to<apply_batch>,
  // Opens the database anew: it may not be the one that was found last.
  caf::reacts_to<atom::reopen>,
  // Runs schema changes and takes them back, between two batches.
  caf::replies_to<schema_rehearsal>::with<schema_rehearsed>,
  // Checkpoints what is left, before the engine ends; answers with the last `seq` that is applied.
  caf::replies_to<atom::drain>::with<std::uint64_t>,
  // INTERNAL: applies what has arrived; tries again after the database was locked or the disk full.
  caf::reacts_to<atom::apply>, caf::reacts_to<atom::retry>,
  // INTERNAL: checkpoints when there has been nothing to do for a while.
  caf::reacts_to<atom::tick>, sampled>;

struct writer_options {
  storage::writer_opener open_database;
  /// Where reports go: the queue.
  writer_listener queue;
  /// Told what is tried; null where no deaths are counted.
  std::shared_ptr<storage::attempt_mark> attempts;
  std::shared_ptr<millrace::breaker> breaker;
  /// Set while the database's own log cannot be emptied.
  std::shared_ptr<std::atomic<bool>> starving = std::make_shared<std::atomic<bool>>(false);
  /// What it computes is undone soon after one of these is set. The first is cleared when the database is opened, which
  /// whoever sets it must ask for (`atom::reopen`).
  std::shared_ptr<std::atomic<bool>> called_off = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<const std::atomic<bool>> closing = std::make_shared<std::atomic<bool>>(false);
  /// Of the database's journal, in its unit: what may wait for a checkpoint at least, and how long it may be.
  std::uint32_t checkpoint_pages = write_options{}.checkpoint_pages;
  std::uint32_t wal_pages_max = write_options{}.wal_pages_max;
  /// How long one call may hold the writer. More than one transaction may take however slow the machine is, so that the
  /// first one of a call meets its own limit before.
  std::chrono::milliseconds apply_time_max{120'000};
  backoff_options retry_delay{std::chrono::milliseconds{2}, std::chrono::milliseconds{250}};
  /// Called when a sync of the database failed; it must end the process.
  std::function<void(const std::string&)> on_fatal;
};

class writer_state {
public:
  static inline const char* name = "writer";
  explicit writer_state(writer_actor::pointer self) : self_(self) {}

  writer_actor::behavior_type make_behavior(writer_options settings);

private:
  void open();
  void announce();
  void take(apply_batch& request);
  void apply();
  void report(std::uint64_t first_seq, std::vector<storage::answer> answers, std::vector<storage::time_taken> times);
  caf::result<schema_rehearsed> rehearse(const schema_rehearsal& wanted);
  storage::write_limits limits_from(monotonic_time started) const;
  void heed(storage::trouble met);
  void suspect(const storage::trouble& met);
  std::optional<storage::trouble> accuse();
  void give_up_database(failure reason);
  void end_process(failure reason);
  void wait_for(failure obstacle);
  void unblock();
  void retry();
  void reopen();
  void checkpoint();
  bool starves() const;
  bool checkpoint_owed() const;
  std::uint64_t drain();
  void idle();
  void arm_idle_check();
  sample take_sample() const;

  writer_actor::pointer self_; ///< Not owned; outlives the state.
  writer_options settings_;
  std::unique_ptr<storage::database_writer> database_;
  std::uint64_t opening_ = 0; ///< Counts how often it was opened.
  std::vector<storage::batch_ptr> pending_;
  bool apply_scheduled_ = false;
  bool idle_armed_ = false;
  bool busy_since_idle_check_ = false;
  /// Whether it was opened and not checkpointed since: nobody has told the queue what its database holds for good.
  bool opened_anew_ = false;
  bool checkpoint_fails_ = false; ///< Whether that was said, and none has succeeded since.
  bool none_opens_ = false;       ///< Whether the obstacle is that no database can be opened.
  backoff delay_{settings_.retry_delay};
  bool waiting_ = false;            ///< Whether a retry is on its way, and nothing is tried before.
  std::optional<failure> obstacle_; ///< What went wrong last, until something succeeds.
  monotonic_time obstacle_since_;
  std::optional<work_refused> suspected_; ///< What was refused last, until it is known whose fault that is.
  std::size_t probe_bytes_ = 0;           ///< What is to be tried for that.
  std::uint64_t given_up_at_ = 0;         ///< `applied_seq` of the database that was given up last.
  std::uint64_t wal_pages_ = 0;
  std::uint64_t foreign_commits_ = 0;
  histogram apply_latency_;
  checkpoint_pace pace_{settings_.checkpoint_pages, settings_.wal_pages_max / 4};
};

writer_actor::behavior_type writer(writer_actor::stateful_pointer<writer_state> self, writer_options settings);

} // namespace millrace
