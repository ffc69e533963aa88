#include "reader.hpp"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace {

reader_state::~reader_state() {
  for (auto& one : pending_) {
    if (one.answer.pending()) {
      one.answer.deliver(to_error({errc::reader_failed, "the reader ended before it ran the query"}));
    }
  }
  for (auto& promise : drains_) {
    promise.deliver(to_error({errc::reader_failed, "the reader ended"}));
  }
}

reader_actor::behavior_type reader_state::make_behavior(reader_options settings) {
  settings_ = std::move(settings);
  auto opened = settings_.open_database();
  if (!opened) {
    spdlog::error("the database cannot be opened for reading: {}", to_string(opened.error()));
    self_->quit(to_error(std::move(opened.error())));
    return reader_actor::behavior_type::make_empty_behavior();
  }
  database_ = std::move(*opened);
  return {
    [this](admitted_query& request) { return take(request); },
    [this](atom::drain) { return drain(); },
    [this](atom::run) { run_all(); },
    [this](atom::sample) { return take_sample(); },
  };
}

caf::result<row_set> reader_state::take(admitted_query& request) {
  if (pending_.empty()) {
    self_->send(self_, atom::run::value);
  }
  pending_.push_back({std::move(request), self_->make_response_promise<row_set>()});
  return pending_.back().answer;
}

caf::result<std::uint64_t> reader_state::drain() {
  if (pending_.empty()) {
    return settings_.slot->answered.load();
  }
  drains_.push_back(self_->make_response_promise<std::uint64_t>());
  return drains_.back();
}

/// All queries that had arrived share one snapshot: it is taken after the last of them was sent, so each sees all that
/// was applied before it, and they pay for the database's read lock once.
void reader_state::run_all() {
  const auto shared = pending_.size() > 1 && database_->begin_snapshot().has_value();
  for (auto& one : pending_) {
    run(one);
  }
  if (shared) {
    database_->end_snapshot();
  }
  settings_.slot->waiting.fetch_sub(pending_.size(), std::memory_order_relaxed);
  settings_.slot->answered.fetch_add(pending_.size(), std::memory_order_relaxed);
  pending_.clear();
  for (auto& promise : drains_) {
    promise.deliver(settings_.slot->answered.load());
  }
  drains_.clear();
}

void reader_state::run(pending_query& one) {
  const auto started = std::chrono::steady_clock::now();
  const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(started - one.admitted.arrival);
  settings_.slot->wait_us.fetch_add(static_cast<std::uint64_t>(waited.count()), std::memory_order_relaxed);
  if (started > one.admitted.deadline) {
    one.answer.deliver(to_error({errc::deadline_exceeded, "the query waited too long for a reader"}));
    return;
  }
  auto rows = database_->run(one.admitted.question, one.admitted.deadline);
  query_latency_.record(std::chrono::steady_clock::now() - started);
  if (rows) {
    one.answer.deliver(std::move(*rows));
  } else {
    one.answer.deliver(to_error(std::move(rows.error())));
  }
}

sample reader_state::take_sample() const {
  sample result;
  result.latency = summary(query_latency_);
  return result;
}

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self, reader_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
