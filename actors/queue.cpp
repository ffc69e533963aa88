#include "queue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include <spdlog/spdlog.h>
#include <caf/actor_cast.hpp>

namespace millrace {

namespace {

/// Batches that the writer may hold at once: enough that it never waits for the next one, few enough that what it
/// merges into one commit stays small.
constexpr std::size_t in_flight_max = 8;
/// Idle time after which the last batch gets its witness, and the grain of deadlines of waiting queries.
constexpr std::chrono::milliseconds tick_interval{20};

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
    .count();
}

} // namespace

queue_state::~queue_state() {
  for (auto& debt : debts_) {
    if (debt.answer.pending()) {
      debt.answer.deliver(to_error({errc::outcome_unknown, "the write-ahead queue ended before it could answer"}));
    }
  }
  for (auto& one : waiters_) {
    one.answer.deliver(to_error({errc::unavailable, "the write-ahead queue ended while the query waited"}));
  }
  for (auto& promise : drains_) {
    promise.deliver(to_error({errc::unavailable, "the write-ahead queue ended"}));
  }
}

queue_actor::behavior_type queue_state::make_behavior(queue_options settings) {
  settings_ = std::move(settings);
  auto opened = settings_.open_log();
  if (!opened) {
    spdlog::error("the write-ahead queue cannot be opened: {}", to_string(opened.error()));
    self_->quit(to_error(opened.error()));
    return queue_actor::behavior_type::make_empty_behavior();
  }
  log_ = std::move(*opened);
  durable_seq_ = log_->last_seq();
  first_debt_ = durable_seq_ + 1;
  open_ = std::make_shared<storage::batch>();
  self_->set_down_handler([this](caf::down_msg& message) {
    if (writer_ && writer_.address() == message.source) {
      writer_ = nullptr;
    }
  });
  return {
    [this](admitted_transaction& request) { return accept(request); },
    [this](schema_script& script) { return accept_script(script); },
    [this](waiting_query& request) { return wait(request); },
    [this](atom::drain) { return drain(); },
    [this](const writer_ready& message) { meet(message); },
    [this](const batch_applied& message) { settle(message); },
    [this](const database_checkpointed& message) {
      checkpointed_seq_ = message.seq;
      if (auto released = log_->release(message.seq); !released) {
        spdlog::warn("segments could not be released: {}", to_string(released.error()));
      }
    },
    [this](atom::flush) { flush(); },
    [this](atom::tick) { tick(); },
    [this](atom::sample) { return take_sample(); },
  };
}

caf::result<outcome> queue_state::accept(admitted_transaction& request) {
  if (request.deadline != monotonic_time::max() && std::chrono::steady_clock::now() > request.deadline) {
    settings_.room->give_back(1, request.bytes);
    return to_error({errc::deadline_exceeded, "it waited too long before it was accepted"});
  }
  const auto acknowledgement = request.work.acknowledgement;
  return owe(std::move(request.work), {.answer = {},
                                       .bytes = static_cast<std::uint32_t>(request.bytes),
                                       .acknowledgement = acknowledgement,
                                       .admitted = true});
}

caf::result<outcome> queue_state::accept_script(schema_script& script) {
  const auto bytes = static_cast<std::uint32_t>(script.sql.size());
  return owe(std::move(script), {.answer = {}, .bytes = bytes});
}

queue_state::outcome_promise queue_state::owe(storage::work item, owed_answer owed) {
  if (open_->items.empty()) {
    // Whatever is in the mailbox before this message joins the batch: no timer, no fixed size.
    self_->send(self_, atom::flush::value);
  }
  open_->items.push_back(std::move(item));
  open_bytes_ += owed.bytes;
  owed.answer = self_->make_response_promise<outcome>();
  debts_.push_back(std::move(owed));
  return debts_.back().answer;
}

void queue_state::flush() {
  if (open_->items.empty()) {
    return;
  }
  const auto started = std::chrono::steady_clock::now();
  open_->first_seq = durable_seq_ + 1;
  open_->accept_time_ms = wall_clock_ms();
  const std::shared_ptr<storage::batch> work = std::exchange(open_, std::make_shared<storage::batch>());
  const auto bytes = std::exchange(open_bytes_, 0);
  open_->items.reserve(work->items.size());
  if (auto written = log_->append(*work); !written) {
    const auto nothing_written = written.error().code == errc::disk_full || written.error().code == errc::too_large;
    if (!nothing_written) {
      settings_.on_fatal("the write-ahead queue could not be written or synced: " + to_string(written.error()));
      self_->quit(to_error(written.error()));
      return;
    }
    blocked_ = written.error();
    refuse_batch(*work, written.error());
    return answer_drains();
  }
  blocked_.reset();
  sync_latency_.record(std::chrono::steady_clock::now() - started);
  durable_seq_ = work->last_seq();
  witnessed_ = false;
  answer_durable(*work);
  keep_in_window(work, bytes);
  feed_writer();
  arm_tick();
}

void queue_state::answer_durable(const storage::batch& work) {
  for (auto seq = work.first_seq; seq <= work.last_seq(); ++seq) {
    auto& debt = debts_[seq - first_debt_];
    if (debt.acknowledgement == ack::durable) {
      debt.answer.deliver(outcome{.seq = seq, .results = {}});
    }
  }
}

/// Nothing of the batch was written: its clients are told, its numbers are given to the next ones.
void queue_state::refuse_batch(const storage::batch& work, const failure& why) {
  for (std::size_t i = 0; i < work.items.size(); ++i) {
    auto& debt = debts_.back();
    if (debt.admitted) {
      settings_.room->give_back(1, debt.bytes);
    }
    debt.answer.deliver(to_error(why));
    debts_.pop_back();
  }
}

void queue_state::keep_in_window(storage::batch_ptr work, std::uint64_t bytes) {
  const auto next = window_.empty() ? sent_seq_ + 1 : window_.back().work->last_seq() + 1;
  if (work->first_seq != next || window_bytes_ + bytes > settings_.window_bytes_max) {
    return; // It is read back from the log when its turn comes.
  }
  window_bytes_ += bytes;
  window_.push_back({std::move(work), bytes});
}

void queue_state::feed_writer() {
  while (writer_ && sent_seq_ < durable_seq_ && in_flight_.size() < in_flight_max) {
    auto work = next_for_writer();
    if (work == nullptr) {
      return;
    }
    sent_seq_ = work->last_seq();
    in_flight_.push_back(sent_seq_);
    self_->send(writer_, apply_batch{std::move(work)});
  }
}

storage::batch_ptr queue_state::next_for_writer() {
  const auto wanted = sent_seq_ + 1;
  for (const auto& kept : window_) {
    if (kept.work->first_seq == wanted) {
      cursor_.reset();
      return kept.work;
    }
  }
  if (cursor_ == nullptr) {
    auto opened = log_->read_from(wanted);
    if (opened) {
      cursor_ = std::move(*opened);
    } else {
      self_->quit(to_error(opened.error()));
      return nullptr;
    }
  }
  auto read = cursor_->next();
  if (!read || !*read || (*read)->first_seq != wanted) {
    self_->quit(
      to_error(read ? failure{errc::corrupt, "the log ends before seq " + std::to_string(wanted)} : read.error()));
    return nullptr;
  }
  return std::make_shared<const storage::batch>(std::move(**read));
}

void queue_state::meet(const writer_ready& message) {
  writer_ = caf::actor_cast<batch_applier>(self_->current_sender());
  self_->monitor(writer_);
  // Where an earlier writer committed and ended before it could report, what it came to is lost.
  settle_up_to(message.applied_seq, [](owed_answer& owed) {
    owed.answer.deliver(to_error({errc::outcome_unknown, "it was applied, but the writer ended before it reported"}));
  });
  applied_seq_ = std::max(applied_seq_, message.applied_seq);
  sent_seq_ = applied_seq_;
  in_flight_.clear();
  cursor_.reset();
  wake_waiters();
  answer_drains();
  feed_writer();
}

void queue_state::settle(const batch_applied& message) {
  auto& answers = *message.answers;
  const auto last = message.first_seq + answers.size() - 1;
  auto next = std::max(first_debt_, message.first_seq) - message.first_seq;
  settle_up_to(last, [&](owed_answer& owed) {
    auto& answer = answers[next++];
    if (owed.acknowledgement == ack::durable) {
      return;
    }
    if (answer) {
      owed.answer.deliver(std::move(*answer));
    } else {
      owed.answer.deliver(to_error(std::move(answer.error())));
    }
  });
  applied_seq_ = std::max(applied_seq_, last);
  while (!in_flight_.empty() && in_flight_.front() <= applied_seq_) {
    in_flight_.pop_front();
  }
  while (!window_.empty() && window_.front().work->last_seq() <= applied_seq_) {
    window_bytes_ -= window_.front().bytes;
    window_.pop_front();
  }
  wake_waiters();
  answer_drains();
  feed_writer();
}

void queue_state::settle_up_to(std::uint64_t seq, const std::function<void(owed_answer&)>& answer) {
  std::uint64_t transactions = 0;
  std::uint64_t bytes = 0;
  while (first_debt_ <= seq && !debts_.empty()) {
    auto& owed = debts_.front();
    answer(owed);
    transactions += owed.admitted ? 1 : 0;
    bytes += owed.admitted ? owed.bytes : 0;
    debts_.pop_front();
    ++first_debt_;
  }
  settings_.room->give_back(transactions, bytes);
}

caf::result<row_set> queue_state::wait(waiting_query& request) {
  auto& question = request.admitted.question;
  const auto linearizable = question.consistency == consistency::linearizable;
  const auto seq = linearizable ? durable_seq_ : question.at_least_seq;
  if (seq > durable_seq_ + open_->items.size()) {
    return to_error({errc::malformed, "seq " + std::to_string(seq) + " was never given out"});
  }
  auto promise = self_->make_response_promise<row_set>();
  waiters_.push_back({seq, std::move(request.admitted), promise});
  wake_waiters();
  arm_tick();
  return promise;
}

void queue_state::wake_waiters() {
  // clang 14 cannot use what std::ranges::stable_partition gives.
  const auto due = std::stable_partition(waiters_.begin(), waiters_.end(),
                                         [this](const waiter& one) { return one.seq > applied_seq_; });
  std::for_each(due, waiters_.end(), [this](waiter& one) { forward(one); });
  waiters_.erase(due, waiters_.end());
}

void queue_state::forward(waiter& one) {
  const auto address = settings_.board->pick_reader();
  if (address) {
    one.answer.delegate(address, std::move(one.admitted));
  } else if (settings_.board->closed()) {
    one.answer.deliver(to_error({errc::shutting_down, ""}));
  } else {
    one.answer.deliver(to_error({errc::unavailable, "every reader is being restarted"}));
  }
}

void queue_state::expire_waiters() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(waiters_, [now](waiter& one) {
    if (now <= one.admitted.deadline) {
      return false;
    }
    one.answer.deliver(
      to_error({errc::deadline_exceeded, "seq " + std::to_string(one.seq) + " was not applied in time"}));
    return true;
  });
}

caf::result<std::uint64_t> queue_state::drain() {
  drains_.push_back(self_->make_response_promise<std::uint64_t>());
  auto promise = drains_.back();
  answer_drains();
  return promise;
}

void queue_state::answer_drains() {
  if (applied_seq_ < durable_seq_ || !open_->items.empty()) {
    return;
  }
  for (auto& promise : drains_) {
    promise.deliver(applied_seq_);
  }
  drains_.clear();
}

void queue_state::arm_tick() {
  if (!tick_armed_ && (!witnessed_ || !waiters_.empty())) {
    tick_armed_ = true;
    last_tick_seq_ = durable_seq_;
    self_->delayed_send(self_, tick_interval, atom::tick::value);
  }
}

void queue_state::tick() {
  tick_armed_ = false;
  expire_waiters();
  if (!witnessed_ && durable_seq_ == last_tick_seq_ && open_->items.empty()) {
    witnessed_ = true;
    if (auto written = log_->append_witness(); !written) {
      // Nothing was acknowledged on the strength of it; the next append decides.
      spdlog::warn("the log's idle frame could not be written: {}", to_string(written.error()));
    }
  }
  arm_tick();
}

sample queue_state::take_sample() const {
  sample result;
  result.latency = summary(sync_latency_);
  result.blocked = blocked_;
  result.durable_seq = durable_seq_;
  result.applied_seq = applied_seq_;
  result.checkpointed_seq = checkpointed_seq_;
  result.log_bytes = log_->bytes_on_disk();
  return result;
}

queue_actor::behavior_type queue(queue_actor::stateful_pointer<queue_state> self, queue_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
