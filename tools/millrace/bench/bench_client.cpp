#include "bench_client.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace millrace::tools {

namespace {

using again = caf::atom_constant<caf::atom("again")>;

/// After a failure a client waits, so that an engine that refuses work is not asked in a spin.
constexpr std::chrono::milliseconds failure_pause{5};

constexpr const char* insert_sql = "INSERT INTO bench(payload) VALUES (?1)";
constexpr const char* upsert_sql =
  "INSERT INTO bench(id, payload) VALUES (?1, ?2) "
  "ON CONFLICT(id) DO UPDATE SET payload = excluded.payload";
constexpr const char* kept_sql = "INSERT INTO bench_kept(client, number, payload) VALUES (?1, ?2, ?3)";
constexpr const char* select_sql = "SELECT payload FROM bench WHERE id = ?1";

} // namespace

schema_script bench_schema() {
  return {"bench", "CREATE TABLE bench(id INTEGER PRIMARY KEY, payload TEXT)"};
}

schema_script kept_schema() {
  return {"bench_kept", "CREATE TABLE bench_kept(client INTEGER, number INTEGER, payload TEXT)"};
}

bench_client_state::~bench_client_state() {
  if (run_) {
    run_->clients.remove();
  }
}

caf::behavior bench_client_state::make_behavior(std::shared_ptr<bench_run> run, engine_actor front) {
  run_ = std::move(run);
  front_ = std::move(front);
  payload_ = run_->profile().payload;
  writes_ = self_->id() << 24U; // So that no two clients write the same.
  random_.seed(static_cast<unsigned>(self_->id()));
  if (run_->profile().kept) {
    kept_ = &run_->keep();
  }
  next(bench_run::clock::now());
  return {[this](again) { unanswered_ ? send_write() : next(bench_run::clock::now()); }};
}

bool bench_client_state::reads() {
  const auto& profile = run_->profile();
  return profile.kind == workload::read
         || (profile.kind == workload::mixed && std::uniform_real_distribution{0.0, 1.0}(random_) < profile.reads);
}

std::uint64_t bench_client_state::key() {
  return std::uniform_int_distribution<std::uint64_t>{1, std::max<std::uint64_t>(1, run_->profile().rows)}(random_);
}

void bench_client_state::next(bench_run::clock::time_point now) {
  if (run_->phase() == bench_phase::over) {
    self_->quit();
    return;
  }
  sent_ = now;
  if (reads()) {
    read();
  } else {
    write();
  }
}

void bench_client_state::write() {
  renew(payload_, ++writes_);
  if (run_->profile().kind != workload::append) {
    key_ = key();
  }
  named_ = run_->naming() || kept_ != nullptr;
  name_.number += named_ ? 1 : 0;
  send_write();
}

void bench_client_state::send_write() {
  if (named_ && name_.client == uuid{}) {
    return ask_for_id();
  }
  self_->request(front_, run_->profile().timeout, make_write())
    .then([this](const outcome&) { write_done(); },
          [this](const caf::error& error) { write_failed(failure_of(error).code); });
}

void bench_client_state::ask_for_id() {
  self_->request(front_, run_->profile().timeout, client_id_request{})
    .then(
      [this](const client_id& issued) {
        name_.client = issued.id;
        send_write();
      },
      [this](const caf::error& error) { write_failed(failure_of(error).code); });
}

transaction bench_client_state::make_write() {
  const auto& profile = run_->profile();
  transaction work;
  if (named_) {
    work.name = name_;
  }
  if (kept_ != nullptr) {
    work.add(kept_sql, static_cast<std::uint64_t>(kept_->client), name_.number, payload_);
  } else if (profile.kind == workload::append) {
    for (std::size_t i = 0; i < profile.inserts; ++i) {
      work.add(insert_sql, payload_);
    }
  } else {
    work.add(upsert_sql, key_, payload_);
  }
  return work;
}

void bench_client_state::write_done() {
  unanswered_ = false;
  if (kept_ != nullptr) {
    kept_->acknowledged.store(name_.number, std::memory_order_relaxed);
  }
  done();
}

void bench_client_state::write_failed(errc code) {
  unanswered_ = kept_ != nullptr && kind(code) != error_kind::rejected;
  if (unanswered_) {
    run_->resent.fetch_add(1, std::memory_order_relaxed);
    self_->delayed_send(self_, failure_pause, again::value);
    return;
  }
  failed(code);
  if (kept_ != nullptr) {
    // Its rows are numbered without a gap, so this was its last.
    self_->quit();
  }
}

void bench_client_state::read() {
  self_->request(front_, run_->profile().timeout, select(select_sql, key()))
    .then(
      [this](const row_set& rows) {
        if (rows.empty()) {
          failed(errc::none);
        } else {
          done();
        }
      },
      [this](const caf::error& error) { failed(failure_of(error).code); });
}

void bench_client_state::done() {
  const auto now = bench_run::clock::now();
  run_->succeeded(now - sent_);
  next(now);
}

void bench_client_state::failed(errc code) {
  run_->failed(code);
  self_->delayed_send(self_, failure_pause, again::value);
}

caf::behavior bench_client(caf::stateful_actor<bench_client_state>* self, std::shared_ptr<bench_run> run,
                           engine_actor front) {
  return self->state.make_behavior(std::move(run), std::move(front));
}

} // namespace millrace::tools
