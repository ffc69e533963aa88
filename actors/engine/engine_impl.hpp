#pragma once

#include "engine.hpp"
#include "testing.hpp"

#include <millrace/actors/base/breaker.hpp>
#include <millrace/actors/base/tenant.hpp>
#include <millrace/actors/front/address_book.hpp>
#include <millrace/actors/front/admission.hpp>
#include <millrace/actors/read/snapshot_pause.hpp>
#include <millrace/actors/supervision/supervisor.hpp>
#include <millrace/actors/write/name_index.hpp>
#include <millrace/actors/write/opened_log.hpp>
#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/queue/attempt_page.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace {

/// Everything that an open engine owns. Members are destroyed in reverse order, the folder's lock last.
class engine::impl {
public:
  impl(caf::actor_system& system, options settings, testing_hooks hooks, storage::folder data,
       std::shared_ptr<storage::database> database, storage::database_identity identity)
    : system_(system),
      settings_(std::move(settings)),
      hooks_(std::move(hooks)),
      data_(std::move(data)),
      database_(std::move(database)),
      identity_(std::move(identity)),
      room_(std::make_shared<admission>(settings_.admission.inflight_transactions_max,
                                        settings_.admission.inflight_bytes_max)),
      board_(std::make_shared<address_book>(
        settings_.read.readers, room_,
        query_bound{settings_.admission.waiting_queries_max, settings_.admission.waiting_query_bytes_max})),
      transactions_(make_breaker("transactions", settings_.transaction_breaker)),
      queries_(make_breaker("queries", settings_.query_breaker)),
      names_(std::make_shared<name_index>(settings_.database.outcomes)),
      applied_seq_(std::make_shared<std::atomic<std::uint64_t>>(identity_.applied.seq)) {}

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { close(); }

  tl::expected<void, failure> start();
  void close();
  /// The same when the actor system goes, which no address may outlive.
  void leave();

  const engine_actor& front() const { return front_; }
  const operations_actor& operations_address() const { return operations_; }
  const storage::recovery_report& recovery() const { return recovery_; }
  const address_book& board() const { return *board_; }

private:
  tl::expected<std::vector<schema_script>, failure> prepare();
  std::shared_ptr<breaker> make_breaker(std::string name, const breaker_options& settings) const;
  storage::result<opened_log> recover(const storage::log_position& applied, storage::recovery_report& report) const;
  child_spec child(std::string id, std::shared_ptr<breaker> concerned, std::function<caf::actor()> spawn) const;
  caf::actor spawn_storage_supervisor();
  caf::actor spawn_queue();
  caf::actor spawn_writer() const;
  storage::reader_opener open_readers(storage::reading purpose) const;
  caf::actor spawn_reader(std::size_t number) const;
  caf::actor spawn_scrubber() const;
  template <class Actor, class Options>
  caf::actor spawn_apart(Actor actor, Options settings) const;
  std::vector<child_spec> top_children();
  supervisor_options supervision(restart_strategy strategy) const;
  tl::expected<void, failure> migrate();
  tl::expected<void, failure> look_for_drift();
  tl::expected<void, failure> apply_schema(const std::vector<schema_script>& scripts);
  bool called_off() const;
  caf::actor wait_for(std::string_view id, std::chrono::milliseconds patience) const;
  std::optional<failure> wait_for_answer(caf::scoped_actor& self);
  std::optional<failure> reason_to_give_up();
  void wait_for_children() const;
  std::uint64_t still_to_replay() const;
  void wait_for_replay(std::chrono::milliseconds time);
  void replay(bool schema_follows);
  void drain(std::chrono::steady_clock::time_point deadline);
  bool drained(std::string_view id, std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] bool stop_supervisor();

  caf::actor_system& system_; ///< Not owned; outlives the engine.
  options settings_;
  testing_hooks hooks_;
  std::optional<storage::folder> data_; ///< Nothing once it is closed.
  std::shared_ptr<storage::database> database_;
  storage::database_identity identity_;
  std::shared_ptr<admission> room_;
  std::shared_ptr<address_book> board_;
  std::shared_ptr<breaker> transactions_;
  std::shared_ptr<breaker> queries_;
  std::shared_ptr<snapshot_pause> pause_ = std::make_shared<snapshot_pause>(settings_.read.lease);
  std::shared_ptr<name_index> names_;
  std::shared_ptr<std::atomic<std::uint64_t>> applied_seq_;
  std::shared_ptr<storage::attempt_page> attempts_;
  storage::recovery_report recovery_;
  /// The log as it was recovered before the actors started; the first queue takes it.
  std::shared_ptr<std::optional<opened_log>> recovered_ = std::make_shared<std::optional<opened_log>>();
  engine_actor front_;
  operations_actor operations_;
  supervisor_actor supervisor_;
  bool opening_ = true;
  std::chrono::steady_clock::time_point next_look_at_writer_{};
  bool abandoned_ = false; ///< Whether opening failed: nobody was served.
  bool closed_ = false;
  tenant tenant_{system_, "an engine", [this] { leave(); }};
};

} // namespace millrace
