#include "engine_impl.hpp"

#include <millrace/actors/health/health_monitor.hpp>
#include <millrace/actors/health/scrubber.hpp>
#include <millrace/actors/read/reader.hpp>
#include <millrace/actors/write/queue.hpp>
#include <millrace/actors/write/writer.hpp>

#include <utility>

#include <caf/actor_cast.hpp>

/// The actors of an engine: who supervises whom, and what each is given.
namespace millrace {

namespace {

/// Longer than the writer takes for a transaction, and a client to send the next one. A lone client's median was 1.36
/// times its limit (actors/DESIGN.md §3) without, 0.95 with it.
constexpr std::chrono::microseconds awake_max{150};

} // namespace

/// A child that ends counts as a failure of what the breaker guards: a storm of restarts opens it.
child_spec engine::impl::child(std::string id, std::shared_ptr<breaker> concerned,
                               std::function<caf::actor()> spawn) const {
  auto on_change = [board = board_, concerned = std::move(concerned), id](const caf::actor& address) {
    board->connect(id, address);
    if (!address && concerned && !board->closed()) {
      concerned->failed(std::chrono::steady_clock::now());
    }
  };
  return {.id = std::move(id), .start = std::move(spawn), .on_change = std::move(on_change)};
}

supervisor_options engine::impl::supervision(restart_strategy strategy) const {
  return {.strategy = strategy, .intensity = settings_.restarts, .delay = {}, .on_escalation = settings_.on_escalation};
}

std::vector<child_spec> engine::impl::top_children() {
  std::vector<child_spec> children;
  children.push_back({.id = "storage", .start = [this] { return spawn_storage_supervisor(); }, .is_supervisor = true});
  for (std::size_t i = 0; i < settings_.read.readers; ++i) {
    children.push_back(child(reader_pool::id(i), queries_, [this, i] { return spawn_reader(i); }));
  }
  children.push_back(child("scrubber", nullptr, [this] { return spawn_scrubber(); }));
  const health_monitor_options monitoring{.board = board_,
                                          .room = room_,
                                          .transactions = transactions_,
                                          .queries = queries_,
                                          .interval = settings_.health.interval,
                                          .wal_pages_max = settings_.write.wal_pages_max};
  children.push_back(child("monitor", nullptr, [this, monitoring] {
    return caf::actor_cast<caf::actor>(system_.spawn(health_monitor, monitoring));
  }));
  return children;
}

caf::actor engine::impl::spawn_storage_supervisor() {
  std::vector<child_spec> children;
  children.push_back(child("queue", transactions_, [this] { return spawn_queue(); }));
  children.push_back(child("writer", transactions_, [this] { return spawn_writer(); }));
  return caf::actor_cast<caf::actor>(
    system_.spawn(supervisor, std::move(children), supervision(restart_strategy::rest_for_one)));
}

/// Those that wait for the disk get threads of their own, except in a simulation.
template <class Actor, class Options>
caf::actor engine::impl::spawn_apart(Actor actor, Options settings) const {
  return caf::actor_cast<caf::actor>(hooks_.simulation_step ? system_.spawn(actor, std::move(settings))
                                                            : system_.spawn<caf::detached>(actor, std::move(settings)));
}

caf::actor engine::impl::spawn_queue() {
  // A queue that starts again needs no database: it may be the database that is in trouble.
  auto open_again = [this, recovered = recovered_]() -> storage::result<opened_log> {
    if (*recovered) {
      auto log = std::move(**recovered);
      recovered->reset();
      return log;
    }
    storage::recovery_report report;
    return recover(applied_seq_->load(), report);
  };
  return spawn_apart(queue,
                     queue_options{.open_log = std::move(open_again),
                                   .board = board_,
                                   .room = room_,
                                   .names = names_,
                                   .attempts = attempts_,
                                   .breaker = transactions_,
                                   .applied_seq = applied_seq_,
                                   .window_bytes_max = settings_.write.window_bytes_max,
                                   .deaths_max = settings_.write.deaths_max,
                                   .transaction_time_max = settings_.database.transaction_time_max,
                                   .awake_max = hooks_.simulation_step ? std::chrono::microseconds{0} : awake_max,
                                   .on_fatal = settings_.on_escalation});
}

caf::actor engine::impl::spawn_writer() const {
  return spawn_apart(writer, writer_options{.open_database = [database = database_] { return database->open_writer(); },
                                            .queue = caf::actor_cast<writer_listener>(board_->find("queue")),
                                            .attempts = attempts_,
                                            .breaker = transactions_,
                                            .starving = board_->starving(),
                                            .called_off = board_->called_off(),
                                            .closing = board_->closing(),
                                            .checkpoint_pages = settings_.write.checkpoint_pages,
                                            .wal_pages_max = settings_.write.wal_pages_max,
                                            .apply_time_max = 24 * settings_.database.transaction_time_max,
                                            .on_fatal = settings_.on_escalation});
}

storage::reader_opener engine::impl::open_readers(storage::reading purpose) const {
  return [database = database_, purpose] { return database->open_reader(purpose); };
}

caf::actor engine::impl::spawn_reader(std::size_t number) const {
  return spawn_apart(reader, reader_options{.open_database = open_readers(storage::reading::queries),
                                            .open_for_pages = open_readers(storage::reading::one_result),
                                            .slot = board_->slot(number),
                                            .waiting = board_->waiting_requests(),
                                            .index = static_cast<std::uint32_t>(number),
                                            .breaker = queries_,
                                            .starving = board_->starving(),
                                            .pause = pause_,
                                            .closing = board_->closing(),
                                            .openings = board_->openings(),
                                            .lease = settings_.read.lease,
                                            .age_max = settings_.read.age_max,
                                            .cursors_max = settings_.read.cursors_max});
}

caf::actor engine::impl::spawn_scrubber() const {
  return spawn_apart(scrubber, scrubber_options{.open_database = open_readers(storage::reading::one_result),
                                                .starving = board_->starving(),
                                                .closing = board_->closing(),
                                                .lease = settings_.read.lease,
                                                .interval = settings_.health.scrub_interval});
}

} // namespace millrace
