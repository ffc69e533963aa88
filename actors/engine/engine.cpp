#include "engine.hpp"

#include "copied_folder.hpp"
#include "schema.hpp"
#include "testing.hpp"

#include <millrace/actors/base/breaker.hpp>
#include <millrace/actors/base/logger.hpp>
#include <millrace/actors/base/tenant.hpp>
#include <millrace/actors/front/address_book.hpp>
#include <millrace/actors/front/front.hpp>
#include <millrace/actors/front/operations.hpp>
#include <millrace/actors/health/health_monitor.hpp>
#include <millrace/actors/health/scrubber.hpp>
#include <millrace/actors/read/reader.hpp>
#include <millrace/actors/supervision/supervisor.hpp>
#include <millrace/actors/write/name_index.hpp>
#include <millrace/actors/write/queue.hpp>
#include <millrace/actors/write/writer.hpp>
#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/sqlite/database.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace millrace {

namespace {

constexpr int exit_code_of_escalation = 70; // EX_SOFTWARE of sysexits.h

/// How long opening waits without progress for what the log holds to be applied, as while another process holds the
/// database's lock. The engine then serves all the same.
constexpr std::chrono::seconds replay_patience{5};

/// Longer than the writer takes for a transaction, and a client to send the next one. A lone client's median was 1.36
/// times its limit (actors/DESIGN.md §3) without, 0.95 with it.
constexpr std::chrono::microseconds awake_max{150};

void end_process(const std::string& reason) {
  logger()->critical("Millrace cannot go on and ends the process; start it again to recover: {}", reason);
  spdlog::shutdown();
  std::_Exit(exit_code_of_escalation);
}

std::optional<failure> check_url(const std::string& url) {
  if (url.empty() || url == "sqlite:") {
    return std::nullopt;
  }
  return failure{errc::bad_option, "`database.url`: Millrace knows no database at `" + url
                                     + "`; leave it empty, or say `sqlite:` for a file in the data folder"};
}

/// The one place that knows which kinds of databases there are.
std::shared_ptr<storage::database> make_database(const options& settings, const storage::folder& data) {
  return storage::sqlite::make_database(data.database_file(), settings.database, settings.sqlite);
}

} // namespace

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
  tl::expected<void, failure> apply_schema(const std::vector<schema_script>& scripts);
  caf::actor wait_for(std::string_view id, std::chrono::milliseconds patience) const;
  void wait_for_answer(caf::scoped_actor& self) const;
  void wait_for_children() const;
  void wait_for_replay();
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
  std::shared_ptr<name_index> names_;
  std::shared_ptr<std::atomic<std::uint64_t>> applied_seq_;
  std::shared_ptr<storage::attempt_page> attempts_;
  storage::recovery_report recovery_;
  /// The log as it was recovered before the actors started; the first queue takes it.
  std::shared_ptr<std::optional<opened_log>> recovered_ = std::make_shared<std::optional<opened_log>>();
  engine_actor front_;
  operations_actor operations_;
  supervisor_actor supervisor_;
  bool closed_ = false;
  tenant tenant_{system_, "an engine", [this] { leave(); }};
};

tl::expected<void, failure> engine::impl::start() {
  auto scripts = pending_scripts(settings_, identity_);
  if (!scripts) {
    return tl::unexpected{scripts.error()};
  }
  auto log = recover(identity_.applied, recovery_);
  if (!log) {
    return tl::unexpected{log.error()};
  }
  for (const auto& finding : recovery_.findings) {
    logger()->warn("recovery: {}", finding);
  }
  board_->durable_seq()->store(recovery_.last_seq);
  *recovered_ = std::move(*log);
  storage::failpoint("open.log_recovered");
  auto attempts = storage::attempt_page::open(data_->attempt_file(), identity_.id);
  if (!attempts) {
    return tl::unexpected{attempts.error()};
  }
  attempts_ = std::move(*attempts);
  names_->load(identity_);
  identity_.names = {};
  front_ = spawn_front(system_, front_options{.board = board_,
                                              .transactions = transactions_,
                                              .queries = queries_,
                                              .transaction_fallback = settings_.transaction_fallback,
                                              .query_fallback = settings_.query_fallback});
  operations_ = spawn_operations(system_, board_);
  supervisor_ = system_.spawn(supervisor, top_children(), supervision(restart_strategy::one_for_one));
  wait_for_children();
  storage::failpoint("open.children_started");
  data_->keep_reserve();
  wait_for_replay();
  storage::failpoint("open.replayed");
  return apply_schema(*scripts);
}

/// Its changes go to the health monitor, which tells its subscribers.
std::shared_ptr<breaker> engine::impl::make_breaker(std::string name, const breaker_options& settings) const {
  auto tell = [board = board_, name = std::move(name)](breaker_state from, breaker_state to) {
    logger()->warn("the circuit breaker for {} is {}", name, millrace::name(to));
    if (const auto monitor = board->find("monitor")) {
      caf::anon_send(monitor, breaker_changed{name, from, to});
    }
  };
  return std::make_shared<breaker>(settings, std::move(tell));
}

storage::result<opened_log> engine::impl::recover(const storage::log_position& applied,
                                                  storage::recovery_report& report) const {
  auto& files = hooks_.files == nullptr ? storage::posix_file_system() : *hooks_.files;
  return open_log(files, data_->queue_folder(), identity_.id, applied, settings_.log, report);
}

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
                                   .awake_max = hooks_.simulation_step ? std::chrono::microseconds{0} : awake_max,
                                   .on_fatal = settings_.on_escalation});
}

caf::actor engine::impl::spawn_writer() const {
  return spawn_apart(writer, writer_options{.open_database = [database = database_] { return database->open_writer(); },
                                            .queue = caf::actor_cast<writer_listener>(board_->find("queue")),
                                            .attempts = attempts_,
                                            .breaker = transactions_,
                                            .starving = board_->starving(),
                                            .checkpoint_pages = settings_.write.checkpoint_pages,
                                            .wal_pages_max = settings_.write.wal_pages_max,
                                            .apply_time_max = 2 * settings_.database.transaction_time_max,
                                            .on_fatal = settings_.on_escalation});
}

storage::reader_opener engine::impl::open_readers(storage::reading purpose) const {
  return [database = database_, purpose] { return database->open_reader(purpose); };
}

caf::actor engine::impl::spawn_reader(std::size_t number) const {
  return spawn_apart(reader, reader_options{.open_database = open_readers(storage::reading::queries),
                                            .open_for_pages = open_readers(storage::reading::one_result),
                                            .slot = board_->slot(number),
                                            .index = static_cast<std::uint32_t>(number),
                                            .breaker = queries_,
                                            .starving = board_->starving(),
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

caf::actor engine::impl::wait_for(std::string_view id, std::chrono::milliseconds patience) const {
  if (!hooks_.simulation_step) {
    return board_->wait_for(id, patience);
  }
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!board_->find(id) && std::chrono::steady_clock::now() < end) {
    hooks_.simulation_step();
  }
  return board_->find(id);
}

/// After a request: `receive` blocks by itself unless nothing runs in the meantime.
void engine::impl::wait_for_answer(caf::scoped_actor& self) const {
  while (hooks_.simulation_step && self->mailbox().empty()) {
    hooks_.simulation_step();
  }
}

/// Waits until requests find somebody. A reader that cannot open the database leaves the rest of the engine useful.
void engine::impl::wait_for_children() const {
  constexpr std::chrono::seconds patience{5};
  wait_for("queue", patience);
  wait_for("writer", patience);
  for (std::size_t i = 0; i < settings_.read.readers; ++i) {
    wait_for(reader_pool::id(i), patience);
  }
  wait_for("monitor", patience);
}

/// Waits until what the log held is applied, as long as that makes progress.
void engine::impl::wait_for_replay() {
  std::uint64_t applied = identity_.applied.seq;
  for (auto waiting = applied < recovery_.last_seq; waiting;) {
    caf::scoped_actor self{system_}; // Not the one that a late answer to an earlier request goes to.
    auto asked = self->request(wait_for("queue", replay_patience), replay_patience, atom::drain::value);
    wait_for_answer(self);
    asked.receive([&](std::uint64_t) { waiting = false; },
                  [&](const caf::error&) {
                    const auto now = applied_seq_->load();
                    waiting = now > applied;
                    applied = now;
                  });
  }
}

tl::expected<void, failure> engine::impl::apply_schema(const std::vector<schema_script>& scripts) {
  constexpr std::chrono::minutes patience{5};
  caf::scoped_actor self{system_};
  for (const auto& script : scripts) {
    std::optional<failure> problem;
    auto asked = self->request(wait_for("queue", patience), patience, script);
    wait_for_answer(self);
    asked.receive([](const outcome&) {}, [&](const caf::error& reason) { problem = failure_of(reason); });
    if (problem) {
      problem->detail = "schema script " + script.name + ": " + problem->detail;
      return tl::unexpected{std::move(*problem)};
    }
  }
  return {};
}

void engine::impl::close() {
  if (std::exchange(closed_, true) || !supervisor_) {
    return;
  }
  board_->close();
  const auto deadline = std::chrono::steady_clock::now() + settings_.drain_deadline;
  if (!drained("queue", deadline)) {
    logger()->warn(
      "closing: not all accepted transactions were applied in time; they are in the log and are applied at "
      "the next start");
  }
  for (std::size_t i = 0; i < settings_.read.readers; ++i) {
    if (!drained(reader_pool::id(i), deadline)) {
      logger()->warn("closing: {} did not answer all its queries in time", reader_pool::id(i));
    }
  }
  board_->closing()->store(true);
  // The queue releases what the writer's last checkpoint covers, and hears of that before it is asked once more.
  static_cast<void>(drained("writer", deadline) && drained("queue", deadline));
  if (stop_supervisor()) {
    data_->leave_at_rest();
    data_.reset();
  }
}

void engine::impl::leave() {
  close();
  front_ = nullptr;
  operations_ = nullptr;
}

/// Waits until a child has answered all that it was given. Nothing new reaches it: the address_book is closed.
bool engine::impl::drained(std::string_view id, std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const auto address = board_->find(id);
  auto done = !address;
  if (address) {
    caf::scoped_actor self{system_};
    auto asked = self->request(address, std::max(left, std::chrono::milliseconds{1}), atom::drain::value);
    wait_for_answer(self);
    asked.receive([&](std::uint64_t) { done = true; }, [](const caf::error&) {});
  }
  return done;
}

/// False where some did not end, and may still write.
bool engine::impl::stop_supervisor() {
  // Children get a deadline each, then are killed; this bound only keeps a stuck disk from holding the caller for ever.
  // What still writes then must not be left alone with a folder that another engine may open.
  constexpr std::chrono::minutes patience{1};
  caf::scoped_actor self{system_};
  auto asked = self->request(supervisor_, patience, atom::stop::value);
  wait_for_answer(self);
  auto ended = true;
  asked.receive([](atom::stop) {},
                [&](const caf::error& reason) {
                  ended = false;
                  settings_.on_escalation("closing: actors did not end: " + caf::to_string(reason));
                });
  supervisor_ = nullptr;
  return ended;
}

engine::engine(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
engine::engine(engine&&) noexcept = default;
engine& engine::operator=(engine&&) noexcept = default;
engine::~engine() = default;

const engine_actor& engine::front() const noexcept {
  return impl_->front();
}

const operations_actor& engine::operations() const noexcept {
  return impl_->operations_address();
}

const storage::recovery_report& engine::recovery() const noexcept {
  return impl_->recovery();
}

caf::actor engine::child(std::string_view id) const {
  return impl_->board().find(id);
}

std::uint64_t engine::restarts(std::string_view id) const {
  return impl_->board().restarts(id);
}

void engine::close() {
  impl_->close();
}

expected<engine> open(caf::actor_system& system, options settings) {
  return open(system, std::move(settings), testing_hooks{});
}

expected<engine> open(caf::actor_system& system, options settings, testing_hooks hooks) {
  if (auto problem = check(settings)) {
    return tl::unexpected{std::move(*problem)};
  }
  if (auto problem = check_url(settings.database.url)) {
    return tl::unexpected{std::move(*problem)};
  }
  if (!settings.on_escalation) {
    settings.on_escalation = end_process;
  }
  const auto mode = settings.create_if_missing ? storage::folder_mode::create : storage::folder_mode::existing;
  auto data = storage::folder::open(settings.data, mode);
  if (!data) {
    return tl::unexpected{data.error()};
  }
  // A log without its database must not be given a new one.
  std::error_code none;
  const auto fresh = std::filesystem::is_empty(data->queue_folder(), none);
  auto database = make_database(settings, *data);
  auto identity = database->prepare(fresh);
  if (!identity && identity.error().code == errc::disk_full) {
    data->give_up_reserve();
    identity = database->prepare(fresh);
  }
  if (!identity) {
    return tl::unexpected{explained(std::move(identity).error(), *data)};
  }
  if (auto sound = check_copy(*data, *database); !sound) {
    return tl::unexpected{std::move(sound).error()};
  }
  storage::failpoint("open.database_prepared");
  auto state = std::make_unique<engine::impl>(system, std::move(settings), std::move(hooks), std::move(*data),
                                              std::move(database), std::move(*identity));
  if (auto started = state->start(); !started) {
    return tl::unexpected{started.error()};
  }
  return engine{std::move(state)};
}

} // namespace millrace
