#include "queue.hpp"

#include <millrace/actors/base/invariant.hpp>
#include <millrace/actors/base/linger.hpp>
#include <millrace/actors/base/logger.hpp>
#include <millrace/storage/base/failpoint.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

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
  const auto ended = to_error({errc::unavailable, "the write-ahead queue ended"});
  for (auto& one : shares_.take_all()) {
    one.answer.deliver(ended);
  }
  for (auto& promise : drains_) {
    promise.deliver(ended);
  }
  for (auto* waiting : {&asides_asked_, &asides_due_}) {
    std::ranges::for_each(*waiting, [&](aside& one) {
      if (one.answer.pending()) {
        one.answer.deliver(ended);
      }
    });
  }
}

queue_actor::behavior_type queue_state::make_behavior(queue_options settings) {
  settings_ = std::move(settings);
  shares_ = shares{settings_.transaction_time_max};
  end_process_where_broken(*self_, settings_.on_fatal);
  auto opened = settings_.open_log();
  if (!opened) {
    logger()->error("the write-ahead queue cannot be opened: {}", to_string(opened.error()));
    self_->quit(to_error(opened.error()));
    return queue_actor::behavior_type::make_empty_behavior();
  }
  adopt(std::move(*opened));
  self_->set_down_handler([this](caf::down_msg& message) {
    if (writer_ && writer_.address() == message.source) {
      writer_ = nullptr;
    }
  });
  return {
    [this](admitted_transaction& request) { return accept(request); },
    [this](schema_script& script) { return accept_script(script); },
    [this](schema_change& change) { return accept_script(change); },
    [this](const ordered_work& request) { return accept_order(request); },
    [this](const quarantine_set_aside& request) { return accept_set_aside(request); },
    [this](waiting_query& request) { return wait(request); },
    [this](atom::drain) { return drain(); },
    [this](const writer_ready& message) { meet(message); },
    [this](const batch_applied& message) { settle(message); },
    [this](const work_refused& message) { suspect(message); },
    [this](const foreign_commit_seen&) { end_stretch(); },
    [this](const database_checkpointed& message) { release(message.seq); },
    [this](atom::flush) { flush(); },
    [this](atom::tick) { tick(); },
    [this](atom::sample) { return take_sample(); },
  };
}

void queue_state::adopt(opened_log opened) {
  log_ = std::move(opened.log);
  durable_seq_ = log_->last_seq();
  // What was skipped up to here is not found in the log any more, only in the record.
  applied_seq_ = settings_.applied_seq->load();
  replay_end_ = durable_seq_;
  shares_.let_in_behind_replay(applied_seq_ < replay_end_);
  ledger_.start_after(durable_seq_);
  backlog_.emplace(settings_.window_bytes_max);
  waiting_.emplace(settings_.board);
  for (const auto& order : opened.skipped) {
    backlog_->skip(order);
  }
  // An earlier incarnation may have numbered what it could not write.
  settings_.names->remove_above(durable_seq_);
  auto& names = *settings_.names;
  for (const auto& one : opened.names) {
    if (one.seq <= names.newest_seq()) {
      continue; // An earlier incarnation accepted it.
    }
    if (one.forgotten) {
      names.note(one.name.name, one.seq);
    } else if (names.find({one.name.name}).what != name_index::verdict::known) {
      names.add(one.name, one.seq);
    }
    names.accepted_at(one.accepted_ms);
  }
  settings_.board->durable_seq()->store(durable_seq_);
}

void queue_state::flush() {
  const bool alone = open_->items.size() == 1;
  if ((!open_->items.empty() || stretch_ended_) && write_open()) {
    feed_writer();
    arm_tick();
    if (alone) {
      linger(*self_, settings_.awake_max); // For the writer.
    }
  }
}

/// Writes and syncs what has arrived. False where that failed; its clients are answered then.
bool queue_state::write_open() {
  const auto started = std::chrono::steady_clock::now();
  open_->first_seq = durable_seq_ + 1;
  open_->accept_time_ms = wall_clock_ms();
  if (stretch_ended_) {
    // Not as a note, which asks for a flush: while the disk is full, each would ask for the next.
    open_->items.emplace_back(storage::stretch_end{});
    ledger_.add({});
  }
  forget_names();
  const auto written = log_->append(*open_);
  if (!written) {
    refuse_open(written.error());
    return false;
  }
  open_->chain = *written;
  const std::shared_ptr<storage::batch> work = std::exchange(open_, std::make_shared<storage::batch>());
  const auto bytes = std::exchange(open_bytes_, 0);
  open_->items.reserve(work->items.size());
  blocked_.reset();
  stretch_ended_ = false;
  sync_latency_.record(std::chrono::steady_clock::now() - started);
  durable_seq_ = work->last_seq();
  settings_.board->durable_seq()->store(durable_seq_, std::memory_order_relaxed);
  invariant(log_->last_seq() == durable_seq_, "the log ends where the queue says");
  storage::failpoint("answer.before_durable");
  witnessed_ = false;
  ledger_.answer_durable(work->first_seq, durable_seq_);
  storage::failpoint("answer.after_durable");
  backlog_->keep(work, bytes);
  return true;
}

/// Before the writer does: it goes by the same accept times, or by fewer of them. So whatever must be noted is in the
/// log before the record of it is gone.
void queue_state::forget_names() {
  auto& names = *settings_.names;
  names.accepted_at(open_->accept_time_ms);
  for (const auto& forgotten : names.forget()) {
    transaction word;
    word.name = forgotten;
    note(std::move(word));
    names.note(forgotten, open_->last_seq());
  }
  names.accepted_at(open_->accept_time_ms);
}

/// Where nothing was written, the clients are told, and the numbers are given to the next ones. Where that is not
/// known, nothing more can be acknowledged.
void queue_state::refuse_open(const failure& why) {
  if (settings_.breaker != nullptr && why.code != errc::too_large) {
    settings_.breaker->failed(std::chrono::steady_clock::now());
  }
  if (why.code != errc::disk_full && why.code != errc::too_large) {
    settings_.on_fatal("the write-ahead queue could not be written or synced: " + to_string(why));
    self_->quit(to_error(why));
    return;
  }
  blocked_ = why;
  const auto freed = ledger_.refuse_newest(open_->items.size(), why);
  settings_.room->give_back(freed.transactions, freed.bytes);
  settings_.names->remove_above(durable_seq_);
  shares_.withdrawn_above(durable_seq_);
  open_->items.clear();
  open_bytes_ = 0;
  answer_drains();
}

void queue_state::feed_writer() {
  while (writer_ && !held_up_ && sent_seq_ < durable_seq_ && set_aside_what_is_due()) {
    const auto first = sent_seq_ + 1;
    const auto careful = first <= careful_until_;
    if (in_flight_.size() >= (careful ? 1 : in_flight_max)) {
      return;
    }
    const auto count_max = careful ? careful_count_max_ : UINT64_MAX;
    auto work = backlog_->from(first, count_max, *log_);
    if (work) {
      skip_expired(first, (*work)->last_seq());
      work = backlog_->from(first, count_max, *log_);
    }
    if (!work) {
      if (work.error().code == errc::file_not_found) {
        // Somebody removed a segment; a copy that is older than the log was held up before.
        blocked_ = work.error();
      } else {
        self_->quit(to_error(work.error()));
      }
      return;
    }
    invariant((*work)->first_seq == first, "the writer is given what is due");
    if (in_flight_.empty()) {
      progress_at_ = std::chrono::steady_clock::now();
    }
    note_timeouts(**work);
    sent_seq_ = (*work)->last_seq();
    in_flight_.push_back(sent_seq_);
    self_->send(writer_, apply_batch{std::move(*work), opening_});
  }
}

void queue_state::meet(const writer_ready& message) {
  const auto address = caf::actor_cast<batch_applier>(self_->current_sender());
  if (address != writer_) {
    writer_ = address;
    self_->monitor(writer_);
  }
  opening_ = message.opening;
  const auto other = log_->contradicts(message.applied);
  if (!other) {
    return self_->quit(to_error(other.error()));
  }
  const auto applied_seq = message.applied.seq;
  if (*other) {
    return hold_up("the one in its place was written under another log, up to seq " + std::to_string(applied_seq));
  }
  if (applied_seq < applied_seq_ || applied_seq > durable_seq_) {
    return meet_copy(applied_seq);
  }
  held_up_.reset();
  settings_.board->openings()->fetch_add(1);
  record_in_time(applied_seq);
  // Where an earlier writer committed and ended before it could report, only names have their outcomes recorded.
  advance(applied_seq, [this](ledger::debt& owed, std::uint64_t seq, bool) {
    if (owed.named && owed.answer.pending() && owed.acknowledgement == ack::applied) {
      answer_from_record(owed.answer, seq);
    } else {
      deliver(owed.answer, tl::unexpected{failure{errc::outcome_unknown,
                                                  "it was applied, but the writer ended before it reported"}});
    }
  });
  quarantined_ = message.quarantined;
  progress_at_ = std::chrono::steady_clock::now();
  sent_seq_ = applied_seq_;
  in_flight_.clear();
  backlog_->start_after(applied_seq_);
  count_death(applied_seq_);
  take_requests_to_set_aside();
  feed_writer();
}

void queue_state::settle(const batch_applied& message) {
  storage::failpoint("answer.before_applied");
  auto& answers = *message.answers;
  progress_at_ = std::chrono::steady_clock::now();
  for (const auto& one : message.times) {
    shares_.took(one.seq, one.took, progress_at_);
  }
  record_in_time(message.first_seq + answers.size() - 1);
  advance(message.first_seq + answers.size() - 1, [&](ledger::debt& owed, std::uint64_t seq, bool last) {
    if (seq < message.first_seq) {
      return deliver(owed.answer, tl::unexpected{failure{errc::outcome_unknown, "its outcome was not reported"}});
    }
    auto& answer = answers[seq - message.first_seq];
    invariant(!answer || answer->seq == seq, "each outcome stands at its own seq");
    deliver(owed.answer, last ? std::move(answer) : answer);
  });
  quarantined_ = message.quarantined;
  give_up_overdrawn(progress_at_);
  feed_writer();
  if (answers.size() == 1) {
    linger(*self_, settings_.awake_max); // For the client, who sends the next one.
  }
}

void queue_state::advance(std::uint64_t applied_seq, const ledger::settler& settler) {
  invariant(applied_seq <= durable_seq_, "only what is durable is applied");
  const auto freed = ledger_.settle_up_to(applied_seq, settler);
  settings_.room->give_back(freed.transactions, freed.bytes);
  applied_seq_ = std::max(applied_seq_, applied_seq);
  settings_.applied_seq->store(applied_seq_, std::memory_order_relaxed);
  while (!in_flight_.empty() && in_flight_.front() <= applied_seq_) {
    in_flight_.pop_front();
  }
  backlog_->forget_up_to(applied_seq_);
  waiting_->wake(applied_seq_);
  shares_.let_in_behind_replay(applied_seq_ < replay_end_);
  shares_.applied_up_to(applied_seq_);
  accept_waiting();
  answer_drains();
}

void queue_state::release(std::uint64_t checkpointed_seq) {
  if (held_up_) {
    return; // That database is none of this log's.
  }
  checkpointed_seq_ = checkpointed_seq;
  if (auto released = log_->release(checkpointed_seq); !released) {
    logger()->warn("segments could not be released: {}", to_string(released.error()));
  }
}

caf::result<row_set> queue_state::wait(waiting_query& request) {
  auto& question = request.admitted.question;
  const auto linearizable = question.consistency == consistency::linearizable;
  const auto seq = linearizable ? durable_seq_ : question.at_least_seq;
  request.admitted.least_seq = seq; // Its reader looks, too: what is applied need not be what a reader sees.
  waiting_queries::waiter waiter{std::move(request.admitted), self_->make_response_promise<row_set>()};
  auto promise = waiter.answer;
  if (seq > durable_seq_ + open_->items.size()) {
    waiting_->refuse(waiter, {errc::malformed, "seq " + std::to_string(seq) + " was never given out"});
  } else if (seq <= applied_seq_) {
    waiting_->forward(waiter);
  } else {
    waiting_->add(seq, std::move(waiter));
    arm_tick();
  }
  return promise;
}

/// Nothing comes any more, and all that came is in the database for good.
void queue_state::rest() {
  if (!settings_.board->closed() || checkpointed_seq_ < durable_seq_ || held_up_) {
    return;
  }
  if (auto rested = log_->shrink(); !rested) {
    logger()->warn("the log could not be shrunk: {}", to_string(rested.error()));
  }
}

caf::result<std::uint64_t> queue_state::drain() {
  rest();
  refuse_waiting();
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
  if (!tick_armed_
      && (!witnessed_ || !waiting_->empty() || shares_.anybody_waits() || skip_wanted_ || stretch_ended_)) {
    tick_armed_ = true;
    last_tick_seq_ = durable_seq_;
    self_->delayed_send(self_, tick_interval, atom::tick::value);
  }
}

void queue_state::tick() {
  tick_armed_ = false;
  const auto now = std::chrono::steady_clock::now();
  waiting_->expire(now);
  for (auto& one : shares_.take_lost(now)) {
    refuse(one.request, one.answer, {errc::deadline_exceeded, "it waited too long before it was accepted"});
  }
  accept_waiting();
  if (std::exchange(skip_wanted_, false)) {
    feed_writer();
  }
  if (!witnessed_ && durable_seq_ == last_tick_seq_ && open_->items.empty()) {
    witnessed_ = true;
    if (auto written = log_->append_witness(); !written) {
      // Nothing was acknowledged on the strength of it; the next append decides.
      logger()->warn("the log's idle frame could not be written: {}", to_string(written.error()));
    }
  }
  if (stretch_ended_) {
    flush();
  }
  arm_tick();
}

sample queue_state::take_sample() const {
  sample result;
  result.latency = summary(sync_latency_);
  result.blocked = blocked_ ? blocked_ : held_up_;
  result.durable_seq = durable_seq_;
  result.applied_seq = applied_seq_;
  result.checkpointed_seq = checkpointed_seq_;
  result.log_bytes = log_->bytes_on_disk();
  result.replay_end = replay_end_;
  result.quarantined = quarantined_;
  const auto call = settings_.attempts ? settings_.attempts->broken() : std::nullopt;
  result.tried_seq = call ? call->at : 0;
  return result;
}

queue_actor::behavior_type queue(queue_actor::stateful_pointer<queue_state> self, queue_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
