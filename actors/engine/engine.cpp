#include "engine.hpp"

#include "breaker_log.hpp"
#include "copied_folder.hpp"
#include "engine_impl.hpp"
#include "schema.hpp"

#include <millrace/actors/base/atoms.hpp>
#include <millrace/actors/base/logger.hpp>
#include <millrace/actors/base/sample.hpp>
#include <millrace/actors/front/front.hpp>
#include <millrace/actors/front/operations.hpp>
#include <millrace/actors/write/protocol.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/sqlite/database.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace millrace {

namespace {

constexpr int exit_code_of_escalation = 70; // EX_SOFTWARE of sysexits.h

/// How long opening waits without progress for what the log holds to be applied, as while another process holds the
/// database's lock. The engine then serves all the same.
constexpr std::chrono::seconds replay_patience{5};
/// How often it is looked whether opening is called off.
constexpr std::chrono::milliseconds look_interval{20};
/// How often it is looked whether the writer is able to do what opening waits for, and how long it may be unable.
constexpr std::chrono::seconds obstacle_interval{1};
constexpr std::chrono::seconds obstacle_patience{30};

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

failure called_off_failure() {
  return {errc::shutting_down, "opening was called off; what stands in the log is applied at the next start"};
}

/// The one place that knows which kinds of databases there are.
std::shared_ptr<storage::database> make_database(const options& settings, const storage::folder& data,
                                                 const std::optional<uuid>& of_log) {
  return storage::sqlite::make_database(data.database_file(), settings.database, settings.sqlite, of_log);
}

} // namespace

/// What is needed before anything is promised to anybody. Gives the schema scripts that are still to be applied.
tl::expected<std::vector<schema_script>, failure> engine::impl::prepare() {
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
  if (called_off()) {
    return tl::unexpected{called_off_failure()};
  }
  return scripts;
}

tl::expected<void, failure> engine::impl::start() {
  const auto scripts = prepare();
  if (!scripts) {
    data_->give_up();
    return tl::unexpected{scripts.error()};
  }
  names_->load(identity_);
  identity_.names = {};
  front_ = spawn_front(system_, front_options{.board = board_,
                                              .transactions = transactions_,
                                              .queries = queries_,
                                              .transaction_fallback = settings_.transaction_fallback,
                                              .query_fallback = settings_.query_fallback});
  operations_ = spawn_operations(system_, board_, settings_.ad_hoc_schema);
  supervisor_ = system_.spawn(supervisor, top_children(), supervision(restart_strategy::one_for_one));
  wait_for_children();
  storage::failpoint("open.children_started");
  data_->keep_reserve();
  replay(!scripts->empty());
  storage::failpoint("open.replayed");
  auto applied = apply_schema(*scripts).and_then([this] { return migrate(); }).and_then([this] {
    return look_for_drift();
  });
  const auto off = called_off();
  abandoned_ = off || !applied;
  opening_ = false;
  if (off) {
    return tl::unexpected{called_off_failure()};
  }
  if (!applied && data_->is_new()) {
    data_->give_up();
  }
  return applied;
}

/// Its changes go to the health monitor, which tells its subscribers.
std::shared_ptr<breaker> engine::impl::make_breaker(std::string name, const breaker_options& settings) const {
  auto log = std::make_shared<breaker_log>(name);
  auto tell = [board = board_, name = std::move(name), log = std::move(log)](breaker_state from, breaker_state to) {
    if (const auto line = log->line(to, std::chrono::steady_clock::now())) {
      logger()->warn("{}", *line);
    }
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

bool engine::impl::called_off() const {
  return opening_ && settings_.opening_called_off != nullptr && settings_.opening_called_off->load();
}

caf::actor engine::impl::wait_for(std::string_view id, std::chrono::milliseconds patience) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  auto found = board_->find(id);
  while (!found && !called_off() && std::chrono::steady_clock::now() < end) {
    if (hooks_.simulation_step) {
      hooks_.simulation_step();
      found = board_->find(id);
    } else {
      found = board_->wait_for(id, look_interval);
    }
  }
  return found;
}

/// After a request: why there is no answer to receive; nothing where there is one. `receive` blocks by itself unless
/// nothing runs in the meantime, or the engine is being opened.
std::optional<failure> engine::impl::wait_for_answer(caf::scoped_actor& self) {
  auto why = reason_to_give_up();
  while ((hooks_.simulation_step || opening_) && self->mailbox().empty() && !why) {
    if (hooks_.simulation_step) {
      hooks_.simulation_step();
    } else {
      self->await_data(std::chrono::high_resolution_clock::now() + look_interval);
    }
    why = reason_to_give_up();
  }
  return why;
}

/// Why what is waited for at opening does not come: it was called off, or only a person can mend what is in the
/// writer's way.
std::optional<failure> engine::impl::reason_to_give_up() {
  if (called_off()) {
    return called_off_failure();
  }
  const auto now = std::chrono::steady_clock::now();
  if (!opening_ || hooks_.simulation_step || now < next_look_at_writer_) {
    return std::nullopt;
  }
  next_look_at_writer_ = now + obstacle_interval;
  const auto writer = board_->find("writer");
  std::optional<failure> why;
  if (writer) {
    caf::scoped_actor self{system_};
    self->request(writer, look_interval, atom::sample::value)
      .receive(
        [&](const sample& seen) {
          if (seen.blocked && (seen.blocked->code == errc::corrupt || seen.blocked_for > obstacle_patience)) {
            why = seen.blocked;
          }
        },
        [](const caf::error&) {});
  }
  return why;
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

/// How many of those that stood in the log are not applied.
std::uint64_t engine::impl::still_to_replay() const {
  return recovery_.last_seq - std::min(recovery_.last_seq, applied_seq_->load());
}

/// Waits until what the log held is applied: so long at most, and no longer than it makes progress.
void engine::impl::wait_for_replay(std::chrono::milliseconds time) {
  auto applied = applied_seq_->load();
  for (auto waiting = still_to_replay() > 0; waiting && time.count() > 0;) {
    caf::scoped_actor self{system_}; // Not the one that a late answer to an earlier request goes to.
    const auto patience = std::min<std::chrono::milliseconds>(time, replay_patience);
    auto asked = self->request(wait_for("queue", patience), patience, atom::drain::value);
    if (wait_for_answer(self)) {
      return;
    }
    asked.receive([&](std::uint64_t) { waiting = false; },
                  [&](const caf::error&) {
                    const auto now = applied_seq_->load();
                    waiting = now > applied;
                    applied = now;
                  });
    time -= patience;
  }
}

/// What the log holds must keep nobody out for longer than opening may wait, but scripts come after it.
void engine::impl::replay(bool schema_follows) {
  wait_for_replay(settings_.replay_wait);
  if (schema_follows && still_to_replay() > 0 && !called_off()) {
    logger()->warn(
      "schema scripts are to be applied after the {} transactions that stand in the log still; nobody is served before",
      still_to_replay());
    wait_for_replay(std::chrono::milliseconds::max());
  }
  if (const auto left = still_to_replay(); left > 0 && !called_off()) {
    logger()->warn(
      "the engine serves while {} transactions that stood in the log, up to seq {}, are still to be applied", left,
      recovery_.last_seq);
  }
}

tl::expected<void, failure> engine::impl::apply_schema(const std::vector<schema_script>& scripts) {
  constexpr std::chrono::minutes patience{5};
  caf::scoped_actor self{system_};
  for (const auto& script : scripts) {
    auto asked = self->request(wait_for("queue", patience), caf::infinite, script); // It may have any table to change.
    auto problem = wait_for_answer(self);
    if (!problem) {
      asked.receive([](const outcome&) {}, [&](const caf::error& reason) { problem = failure_of(reason); });
    }
    if (problem) {
      problem->detail = "schema script " + script.name + ": " + problem->detail;
      return tl::unexpected{std::move(*problem)};
    }
  }
  return {};
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
  auto& files = hooks.files == nullptr ? storage::posix_file_system() : *hooks.files;
  auto database = make_database(settings, *data, storage::log::database_of(files, data->queue_folder()));
  auto identity = database->prepare(fresh);
  if (!identity && identity.error().code == errc::disk_full) {
    data->give_up_reserve();
    identity = database->prepare(fresh);
  }
  if (!identity) {
    data->give_up();
    return tl::unexpected{explained(std::move(identity).error(), *data)};
  }
  if (auto sound = check_copy(*data, *database, settings.opening_called_off); !sound) {
    data->give_up();
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
