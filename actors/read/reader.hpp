#pragma once

#include "pager.hpp"
#include "read_options.hpp"
#include "snapshot_pause.hpp"

#include <millrace/actors/base/backoff.hpp>
#include <millrace/actors/base/breaker.hpp>
#include <millrace/actors/base/histogram.hpp>
#include <millrace/actors/base/sample.hpp>
#include <millrace/actors/front/address_book.hpp>
#include <millrace/actors/front/admitted.hpp>
#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/storage/database.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// Answers queries from a read-only connection, and pages from connections of their own. It lives on where the database
/// cannot be opened: then it answers with the reason, and tries again. It takes requests for rows from the waiting
/// room, and gives back to others what it cannot run soon. Whoever asks for an outcome or a listing has picked it from
/// the address_book, which counts what it is sent.
using reader_actor = caf::typed_actor<
  // Takes what waits, and answers it.
  caf::reacts_to<atom::run>,
  // Answers with what became of a named transaction: its outcome, or the failure that it was rejected with;
  // `name_forgotten` where nothing is recorded.
  caf::replies_to<recorded_outcome_request>::with<outcome>,
  // Lists what is in quarantine.
  caf::replies_to<quarantine_list>::with<quarantine_listing>,
  caf::replies_to<quarantine_reasons_request>::with<quarantine_reasons>,
  // Tells what is recorded of the schema.
  caf::replies_to<schema_state_request>::with<schema_state>,
  // Answers with the number of requests answered so far, once nothing waits for any reader and it has answered what it
  // took.
  caf::replies_to<atom::drain>::with<std::uint64_t>,
  // INTERNAL: looks again for what it could not take; tries again to open the database; drops results past their lease.
  caf::reacts_to<atom::look>, caf::reacts_to<atom::retry>, caf::reacts_to<atom::tick>, sampled>;

struct reader_options {
  storage::reader_opener open_database;
  /// For results that are read page by page, one connection each; `open_database` where it is empty.
  storage::reader_opener open_for_pages;
  std::shared_ptr<reader_slot> slot;
  std::shared_ptr<waiting_room> waiting;
  std::uint32_t index = 0; ///< Its place in the pool, from 0.
  /// Told what became of each query and page; null where nobody wants to know.
  std::shared_ptr<millrace::breaker> breaker;
  /// Whether the database's log cannot be emptied; null means never.
  std::shared_ptr<const std::atomic<bool>> starving;
  /// When no snapshot is begun for that, of all readers together; null for one of its own.
  std::shared_ptr<snapshot_pause> pause;
  /// Whether what still runs is to end at once; null means never.
  std::shared_ptr<const std::atomic<bool>> closing;
  /// How often a newly opened database was taken to.
  std::shared_ptr<const std::atomic<std::uint64_t>> openings = std::make_shared<std::atomic<std::uint64_t>>(0);
  /// How long it may hold a snapshot while `starving` is set, and a result without being asked for its next page.
  std::chrono::milliseconds lease = read_options{}.lease;
  /// A connection is replaced when it is so old, or up to a fifth younger, so that not all readers do it at once.
  std::chrono::milliseconds age_max = read_options{}.age_max;
  std::size_t cursors_max = read_options{}.cursors_max; ///< Results kept ready for their next page.
  /// Between attempts to open the database.
  backoff_options reopen_delay;
};

class reader_state {
public:
  static inline const char* name = "reader";
  explicit reader_state(reader_actor::pointer self) : self_(self) {}
  /// Answers what it has taken with `reader_failed`.
  ~reader_state();
  reader_state(const reader_state&) = delete;
  reader_state& operator=(const reader_state&) = delete;

  reader_actor::behavior_type make_behavior(reader_options settings);

private:
  caf::result<outcome> look_up(const recorded_outcome_request& request);
  caf::result<quarantine_listing> list(const quarantine_list& request);
  caf::result<quarantine_reasons> list_reasons(const quarantine_reasons_request& request);
  caf::result<schema_state> look_at_schema(const schema_state_request& request);
  caf::result<std::uint64_t> drain();
  sample take_sample() const;

  std::string id() const { return reader_pool::id(settings_.index); }
  void open();
  void use(std::unique_ptr<storage::database_reader> opened);
  void follow_writer();
  void notice(const failure& problem);
  void notice_page(const storage::result<row_page>& given);
  void recycle_when_old();

  bool holds_back();
  void take_turn();
  bool take_one(monotonic_time now);
  void rest();
  void look_again();
  void serve(monotonic_time started);
  [[nodiscard]] std::optional<failure> in_the_way(monotonic_time started) const;
  template <class Rows>
  void give(storage::result<Rows> rows);
  [[nodiscard]] storage::result<row_set> rows_for(const admitted_query& asked, const watched_read& read,
                                                  monotonic_time started);
  void share_snapshot(monotonic_time now);
  void end_shared_snapshot();

  template <class Read>
  [[nodiscard]] storage::result<row_page> page_for(Read read, monotonic_time started);
  void tick();
  void arm_tick();
  void tidy();

  template <class Question>
  auto ask(Question question) -> decltype(question(*std::declval<storage::database_reader*>()));
  void judge(errc code);

  reader_actor::pointer self_; ///< Not owned; outlives the state.
  reader_options settings_;
  std::unique_ptr<storage::database_reader> database_; ///< Null while it cannot be opened.
  std::optional<failure> obstacle_;                    ///< Why that is so.
  std::uint64_t opening_ = 0;                          ///< What `openings` said last.
  std::optional<failure> damage_;                      ///< What SQLite found damaged, last.
  bool pages_fail_ = false;                            ///< Whether it was said that no page can be read.
  monotonic_time blocked_since_;
  backoff reopen_delay_{settings_.reopen_delay};
  monotonic_time recycle_at_;
  bool keeps_old_ = false;                     ///< Whether it was said that no new connection can be opened.
  std::optional<monotonic_time> shared_since_; ///< When the snapshot began that queries share.
  pager pager_{pager_options{}};
  bool tick_armed_ = false;
  bool look_armed_ = false;
  std::optional<waiting_request> running_;
  std::list<waiting_request> taken_; ///< What it runs next.
  replies replies_;                  ///< Of what it took with that.
  std::vector<caf::typed_response_promise<std::uint64_t>> drains_;
  histogram query_latency_;
};

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self, reader_options settings);

} // namespace millrace
