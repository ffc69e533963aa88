#include "bench_open_client.hpp"

#include "baseline.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace millrace::tools {

namespace {

using again = caf::atom_constant<caf::atom("again")>;

/// How often a client looks what is due. A timer per request would cost more than the request.
constexpr std::chrono::milliseconds tick_interval{5};

constexpr const char* insert_sql = "INSERT INTO bench(payload) VALUES (?1)";

} // namespace

open_client_state::~open_client_state() {
  if (run_) {
    run_->clients.remove();
  }
}

caf::behavior open_client_state::make_behavior(std::shared_ptr<bench_run> run, engine_actor front, double per_second) {
  run_ = std::move(run);
  front_ = std::move(front);
  per_second_ = per_second;
  payload_ = run_->profile().payload;
  started_ = bench_run::clock::now();
  tick();
  return {[this](again) { tick(); }};
}

void open_client_state::tick() {
  const auto phase = run_->phase();
  if (phase == bench_phase::over) {
    if (outstanding_ == 0) {
      self_->quit();
    } else {
      self_->delayed_send(self_, tick_interval, again::value);
    }
    return;
  }
  const std::chrono::duration<double> running = bench_run::clock::now() - started_;
  const auto due = static_cast<std::uint64_t>(running.count() * per_second_);
  const auto count = std::min(due - std::exchange(due_, due), burst_max());
  if (phase == bench_phase::measured) {
    run_->offered.fetch_add(count, std::memory_order_relaxed);
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    send();
  }
  self_->delayed_send(self_, tick_interval, again::value);
}

/// What a client could not send in time it never sends: with a backlog of its own it would be the clients that are
/// overloaded, not the engine.
std::uint64_t open_client_state::burst_max() const {
  return 1 + static_cast<std::uint64_t>(2.0 * per_second_ * std::chrono::duration<double>{tick_interval}.count());
}

void open_client_state::send() {
  renew(payload_, (self_->id() << 32U) + ++sent_);
  ++outstanding_;
  const auto sent = bench_run::clock::now();
  self_->request(front_, run_->profile().timeout, execute(insert_sql, payload_))
    .then(
      [this, sent](const outcome&) {
        --outstanding_;
        run_->succeeded(bench_run::clock::now() - sent);
      },
      [this](const caf::error& error) {
        --outstanding_;
        run_->failed(failure_of(error).code);
      });
}

caf::behavior open_client(caf::stateful_actor<open_client_state>* self, std::shared_ptr<bench_run> run,
                          engine_actor front, double per_second) {
  return self->state.make_behavior(std::move(run), std::move(front), per_second);
}

} // namespace millrace::tools
