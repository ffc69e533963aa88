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
constexpr const char* select_sql = "SELECT payload FROM bench WHERE id = ?1";

} // namespace

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
  next(bench_run::clock::now());
  return {[this](again) { next(bench_run::clock::now()); }};
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
  const auto& profile = run_->profile();
  renew(payload_, ++writes_);
  auto work = profile.kind == workload::append ? execute(insert_sql, payload_) : execute(upsert_sql, key(), payload_);
  self_->request(front_, profile.timeout, std::move(work))
    .then([this](const outcome&) { done(); }, [this](const caf::error& error) { failed(failure_of(error).code); });
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
