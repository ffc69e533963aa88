#include "writer.hpp"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace {

namespace {

constexpr std::chrono::milliseconds idle_interval{200};

/// Whether the same batch may succeed later without a new connection.
bool passes_by_itself(errc code) {
  return code == errc::locked || code == errc::disk_full || code == errc::io_error;
}

} // namespace

writer_actor::behavior_type writer_state::make_behavior(writer_options settings) {
  settings_ = std::move(settings);
  delay_ = backoff{settings_.retry_delay};
  open();
  return {
    [this](apply_batch& request) { take(request); },
    [this](atom::apply) { apply(); },
    [this](atom::retry) { retry(); },
    [this](atom::tick) { idle(); },
    [this](atom::sample) { return take_sample(); },
  };
}

void writer_state::open() {
  auto opened = settings_.open_database();
  if (opened) {
    database_ = std::move(*opened);
    blocked_.reset();
    delay_.reset();
    self_->send<caf::message_priority::high>(settings_.queue, writer_ready{database_->applied_seq()});
  } else if (passes_by_itself(opened.error().code)) {
    wait_for(std::move(opened.error()));
  } else {
    spdlog::error("the database cannot be opened for writing: {}", to_string(opened.error()));
    self_->quit(to_error(std::move(opened.error())));
  }
}

void writer_state::take(apply_batch& request) {
  if (request.work->last_seq() <= database_->applied_seq()) {
    return; // Sent again by a queue that had not heard yet.
  }
  pending_.push_back(std::move(request.work));
  if (!apply_scheduled_ && !blocked_) {
    // Whatever is in the mailbox before this message is committed together.
    apply_scheduled_ = true;
    self_->send(self_, atom::apply::value);
  }
}

void writer_state::apply() {
  apply_scheduled_ = false;
  if (pending_.empty()) {
    return;
  }
  const auto started = std::chrono::steady_clock::now();
  auto answers = database_->apply(pending_);
  if (answers) {
    blocked_.reset();
    delay_.reset();
    apply_latency_.record(std::chrono::steady_clock::now() - started);
    report(std::move(*answers));
  } else if (passes_by_itself(answers.error().code)) {
    wait_for(std::move(answers.error()));
  } else {
    spdlog::error("the writer gives up its connection: {}", to_string(answers.error()));
    self_->quit(to_error(std::move(answers.error())));
  }
}

void writer_state::report(std::vector<storage::answer> answers) {
  const auto first = pending_.front()->first_seq;
  pending_.clear();
  self_->send<caf::message_priority::high>(
    settings_.queue, batch_applied{first, std::make_shared<std::vector<storage::answer>>(std::move(answers))});
  busy_since_idle_check_ = true;
  if (database_->pages_waiting() >= settings_.checkpoint_pages) {
    checkpoint();
  }
  arm_idle_check();
}

/// Keeps the batches and tries again later: their order never changes, and the actor stays responsive meanwhile.
void writer_state::wait_for(failure obstacle) {
  if (!blocked_) {
    blocked_since_ = std::chrono::steady_clock::now();
    spdlog::warn("the writer waits: {}", to_string(obstacle));
  }
  blocked_ = std::move(obstacle);
  self_->delayed_send(self_, delay_.next(), atom::retry::value);
}

void writer_state::retry() {
  if (database_ == nullptr) {
    open();
  } else {
    apply();
  }
}

void writer_state::checkpoint() {
  if (auto done = database_->checkpoint()) {
    self_->send(settings_.queue, database_checkpointed{done->checkpointed_seq});
  } else if (done.error().code != errc::locked) {
    spdlog::warn("the checkpoint failed: {}", to_string(done.error()));
  }
}

void writer_state::idle() {
  idle_armed_ = false;
  const auto busy = std::exchange(busy_since_idle_check_, false);
  if (!busy && database_->pages_waiting() > 0) {
    checkpoint();
  }
  if (busy || database_->pages_waiting() > 0) { // Readers may have been in the way.
    arm_idle_check();
  }
}

void writer_state::arm_idle_check() {
  if (!std::exchange(idle_armed_, true)) {
    self_->delayed_send(self_, idle_interval, atom::tick::value);
  }
}

sample writer_state::take_sample() const {
  sample result;
  result.latency = summary(apply_latency_);
  result.blocked = blocked_;
  if (blocked_) {
    result.blocked_for = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now()
                                                                               - blocked_since_);
  }
  return result;
}

writer_actor::behavior_type writer(writer_actor::stateful_pointer<writer_state> self, writer_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
