#include "load_client.hpp"

#include "load_records.hpp"

#include <millrace/tools/millrace/common/sql_text.hpp>

#include <cstddef>
#include <utility>

#include <caf/actor_cast.hpp>

namespace millrace::tools {

namespace {

using again = caf::atom_constant<caf::atom("again")>;

constexpr unsigned looked_up_rows_max = 50;
constexpr std::chrono::milliseconds first_delay{5};
constexpr std::chrono::milliseconds delay_cap{640};
/// The load as a whole has one: see load_job.cpp.
constexpr auto no_patience_of_its_own = std::chrono::milliseconds::max();

} // namespace

load_client_state::~load_client_state() {
  if (!run_) {
    return;
  }
  if (row_) {
    const auto code = under_way_ ? errc::outcome_unknown : errc::unavailable;
    run_->fail(*row_, life_.last_word({code, "the load ended before there was an answer"}));
  }
  run_->clients.remove();
}

namespace {

/// The record of the row comes first, and changes nothing where it is there.
bool recorded_already(const failure& reason) {
  return reason.code == errc::row_count_mismatch && reason.detail.find("statement 1: ") != std::string::npos;
}

} // namespace

caf::behavior load_client_state::make_behavior(std::shared_ptr<load_run> run, engine_actor front,
                                               std::shared_ptr<const row_task> task) {
  run_ = std::move(run);
  front_ = std::move(front);
  task_ = std::move(task);
  delays_ = backoff{{first_delay, delay_cap}};
  next_row();
  return {[this](again) { send(); }, [this](more_rows) { next_row(); }};
}

void load_client_state::next_row() {
  row_.reset();
  auto row = run_->take(caf::actor_cast<caf::actor>(self_));
  if (row) {
    begin(std::move(*row));
  } else if (row.error() == no_row::any_more) {
    self_->quit();
  }
}

void load_client_state::begin(record row) {
  row_ = std::move(row);
  first_sent_ = load_run::clock::now();
  life_ = resend{first_sent_, no_patience_of_its_own};
  delays_.reset();
  name_.number += task_->named ? 1 : 0;
  fold_ = task_->load ? run_->take_fold() : std::nullopt;
  send();
}

void load_client_state::send() {
  if (task_->named && name_.client == uuid{}) {
    return ask_for_id();
  }
  transaction work;
  work.name = name_;
  if (task_->load) {
    record_row(work, *task_->load, row_->number, fold_);
  }
  auto& insert = work.statements.emplace_back();
  insert.sql = task_->insert;
  insert.expected_rows = task_->adds_one_row ? 1 : statement::any_row_count;
  for (std::size_t i = 0; i < row_->fields.size(); ++i) {
    if (row_->is_null(i)) {
      insert.parameters.emplace_back();
    } else {
      insert.parameters.emplace_back(row_->fields[i]);
    }
  }
  under_way_ = true;
  // No timeout of its own: it would cost each row a turn on the system's clock. The load's watchdog bounds the wait.
  self_->request(front_, caf::infinite, std::move(work))
    .then([this](const outcome&) { applied(); }, [this](const caf::error& error) { failed(failure_of(error)); });
}

void load_client_state::ask_for_id() {
  self_->request(front_, caf::infinite, client_id_request{})
    .then(
      [this](const client_id& issued) {
        name_.client = issued.id;
        send();
      },
      [this](const caf::error& error) { failed(without_doubt(failure_of(error), errc::unavailable)); });
}

void load_client_state::applied() {
  under_way_ = false;
  run_->acknowledge(*row_, load_run::clock::now() - first_sent_);
  next_row();
}

void load_client_state::failed(const failure& reason) {
  under_way_ = false;
  if (task_->load && recorded_already(reason)) {
    // It was applied, and then its answer was lost.
    applied();
    return;
  }
  if (task_->named && life_.may_rename(reason)) {
    name_.client = {};
    send();
    return;
  }
  life_.failed(reason);
  const bool once_at_most = task_->load || task_->named || kind(reason.code) != error_kind::unknown;
  if (once_at_most && worth_resending(reason) && !run_->stopping()) {
    self_->delayed_send(self_, pause_before_resend(delays_, reason), again::value);
    return;
  }
  run_->fail(*row_, life_.last_word(reason));
  next_row();
}

lookup_client_state::~lookup_client_state() {
  if (run_) {
    run_->lookups.remove();
  }
}

caf::behavior lookup_client_state::make_behavior(std::shared_ptr<load_run> run, engine_actor front, std::string table) {
  run_ = std::move(run);
  front_ = std::move(front);
  select_ = "SELECT * FROM " + quote_identifier(table) + " LIMIT ?1";
  random_.seed(static_cast<unsigned>(self_->id()));
  look_up();
  return {[this](again) { look_up(); }};
}

void lookup_client_state::look_up() {
  if (!run_->lookups_wanted) {
    self_->quit();
    return;
  }
  self_->request(front_, caf::infinite, select(select_, 1 + random_() % looked_up_rows_max))
    .then(
      [this](const row_set&) {
        ++run_->lookups_answered;
        look_up();
      },
      [this](const caf::error& error) { failed(failure_of(error)); });
}

void lookup_client_state::failed(const failure& reason) {
  if (reason.code == errc::reader_failed) {
    ++run_->lookups_retried;
  }
  self_->delayed_send(self_, first_delay, again::value);
}

caf::behavior load_client(caf::stateful_actor<load_client_state>* self, std::shared_ptr<load_run> run,
                          engine_actor front, std::shared_ptr<const row_task> task) {
  return self->state.make_behavior(std::move(run), std::move(front), std::move(task));
}

caf::behavior lookup_client(caf::stateful_actor<lookup_client_state>* self, std::shared_ptr<load_run> run,
                            engine_actor front, std::string table) {
  return self->state.make_behavior(std::move(run), std::move(front), std::move(table));
}

} // namespace millrace::tools
