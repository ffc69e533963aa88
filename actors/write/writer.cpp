#include "writer.hpp"

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/base/invariant.hpp>
#include <millrace/actors/base/logger.hpp>
#include <millrace/actors/base/obstacle.hpp>
#include <millrace/storage/base/failpoint.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace millrace {

namespace {

constexpr std::chrono::milliseconds idle_interval{200};
/// What the database must take of Millrace's own before work is suspected: more than ordinary work changes, so that no
/// full disk takes this and refuses that.
constexpr std::size_t probe_bytes_min = 1024 * 1024;
/// Readers begin nothing until the database's journal begins anew, so it is looked often whether it can.
constexpr std::chrono::milliseconds starving_interval{20};

/// What transactions took for themselves, which is no slowness of the machine.
std::chrono::nanoseconds time_of(const std::vector<storage::time_taken>& times) {
  std::chrono::nanoseconds sum{0};
  for (const auto& one : times) {
    sum += one.took;
  }
  return sum;
}

/// For tests that count no deaths.
class no_mark final : public storage::attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override {}
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override {}
};

class actor_asking final : public storage::requester {
public:
  explicit actor_asking(caf::strong_actor_ptr who) : who_(std::move(who)) {}
  bool gone() const noexcept override { return is_gone(who_); }

private:
  caf::strong_actor_ptr who_;
};

} // namespace

writer_actor::behavior_type writer_state::make_behavior(writer_options settings) {
  settings_ = std::move(settings);
  delay_ = backoff{settings_.retry_delay};
  pace_ = {settings_.checkpoint_pages, settings_.wal_pages_max / 4};
  end_process_where_broken(*self_, settings_.on_fatal);
  open();
  return {
    [this](apply_batch& request) { take(request); },
    [this](atom::apply) { apply(); },
    [this](atom::retry) { retry(); },
    [this](atom::reopen) { reopen(); },
    [this](const schema_rehearsal& wanted) { return rehearse(wanted); },
    [this](atom::drain) { return drain(); },
    [this](atom::tick) { idle(); },
    [this](atom::sample) { return take_sample(); },
  };
}

/// Without a usable database it stays, and tries again: nobody who moves a file may end the process.
void writer_state::open() {
  // First: who calls something off from here on asks for another opening.
  settings_.called_off->store(false);
  auto opened = settings_.open_database();
  if (!opened) {
    none_opens_ = true;
    return wait_for(std::move(opened.error()));
  }
  database_ = std::move(*opened);
  if (auto unable = accuse()) {
    database_.reset();
    return wait_for(std::move(unable->why));
  }
  waiting_ = false;
  // What kept work from being applied is over once some is. A commit that failed may have taken effect all the same;
  // another may never come.
  if (std::exchange(none_opens_, false) || database_->applied_seq() > given_up_at_) {
    unblock();
  }
  opened_anew_ = true;
  announce();
  arm_idle_check();
}

/// Whatever it held comes again from the queue.
void writer_state::announce() {
  pending_.clear();
  self_->send<caf::message_priority::high>(settings_.queue,
                                           writer_ready{database_->applied(), database_->quarantined(), ++opening_});
}

void writer_state::take(apply_batch& request) {
  // What comes while there is no database, or was sent by a queue that had not heard yet, is sent again.
  if (database_ == nullptr || request.opening != opening_) {
    return;
  }
  pending_.push_back(std::move(request.work));
  if (!apply_scheduled_ && !waiting_) {
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
  no_mark nothing;
  storage::attempt_mark& mark = settings_.attempts ? *settings_.attempts : nothing;
  const auto first = database_->applied_seq() + 1;
  const auto started = std::chrono::steady_clock::now();
  auto answers = database_->apply(pending_, mark, limits_from(started));
  if (answers) {
    const auto took = std::chrono::steady_clock::now() - started;
    unblock();
    apply_latency_.record(took);
    pace_.committed(took);
    auto times = database_->take_times();
    if (settings_.breaker) {
      settings_.breaker->succeeded(started + took, took - time_of(times));
    }
    report(first, std::move(*answers), std::move(times));
  } else {
    heed(std::move(answers.error()));
  }
}

void writer_state::report(std::uint64_t first_seq, std::vector<storage::answer> answers,
                          std::vector<storage::time_taken> times) {
  storage::failpoint("apply.before_report");
  const auto applied = database_->applied_seq();
  invariant(first_seq + answers.size() == applied + 1, "there is one answer for each seq that was applied");
  std::erase_if(pending_, [applied](const storage::batch_ptr& work) { return work->last_seq() <= applied; });
  self_->send<caf::message_priority::high>(
    settings_.queue, batch_applied{first_seq, std::make_shared<std::vector<storage::answer>>(std::move(answers)),
                                   database_->quarantined(), std::move(times)});
  if (database_->take_foreign_commit()) {
    ++foreign_commits_;
    logger()->warn("somebody else changed the database before seq {}", applied);
    self_->send(settings_.queue, foreign_commit_seen{});
  }
  busy_since_idle_check_ = true;
  if (pace_.due(database_->unmerged())) {
    checkpoint();
  }
  if (database_ != nullptr && !pending_.empty() && !std::exchange(apply_scheduled_, true)) {
    self_->send(self_, atom::apply::value);
  }
  arm_idle_check();
}

storage::write_limits writer_state::limits_from(monotonic_time started) const {
  return {.deadline = started + settings_.apply_time_max,
          .called_off = settings_.called_off.get(),
          .closing = settings_.closing.get()};
}

caf::result<schema_rehearsed> writer_state::rehearse(const schema_rehearsal& wanted) {
  if (database_ == nullptr) {
    return to_error(obstacle_.value_or(failure{errc::unavailable, "the database is being opened"}));
  }
  const actor_asking asker{self_->current_sender()};
  if (asker.gone()) {
    return to_error({errc::unavailable, "nobody waits for the answer any more"});
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto limits = limits_from(std::chrono::steady_clock::now());
  limits.asked_by = &asker;
  auto done = database_->rehearse(wanted.changes, std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                                  limits);
  if (!done) {
    auto why = done.error().why;
    if (done.error().next != storage::remedy::same_connection) {
      heed(std::move(done).error());
    }
    return to_error(std::move(why));
  }
  if (!*done) {
    return to_error(std::move(*done).error());
  }
  return std::move(**done);
}

void writer_state::heed(storage::trouble met) {
  suspect(met);
  switch (met.next) {
    case storage::remedy::same_connection:
      if (!suspected_) {
        return wait_for(std::move(met.why));
      }
      if (auto unable = accuse()) {
        return heed(std::move(*unable));
      }
      return announce();
    case storage::remedy::reopen:
      return give_up_database(std::move(met.why));
    case storage::remedy::end_process:
      return end_process(std::move(met.why));
    case storage::remedy::none:
      return;
  }
}

/// Work may be at fault. As much as it brings the machine is asked to do for Millrace itself before that is said.
void writer_state::suspect(const storage::trouble& met) {
  if (met.suspects == 0) {
    return;
  }
  suspected_ = work_refused{database_->applied_seq() + 1, met.suspects, met.proven, met.why, false};
  probe_bytes_ = probe_bytes_min;
  for (const auto& part : pending_) {
    if (part->first_seq <= suspected_->first && suspected_->first <= part->last_seq()) {
      const auto& item = part->items[suspected_->first - part->first_seq];
      suspected_->overran = met.proven && met.why.code == errc::deadline_exceeded
                            && std::holds_alternative<schema_change>(item);
      const auto* const changes = std::get_if<transaction>(&item);
      probe_bytes_ = std::max(probe_bytes_, changes != nullptr ? payload_bytes(*changes) : 0);
    }
  }
}

/// Tells the queue what is suspected, unless it took effect after all. Where the machine is at fault, gives what it
/// refused Millrace itself; then nobody is accused.
std::optional<storage::trouble> writer_state::accuse() {
  const auto refused = std::exchange(suspected_, std::nullopt);
  if (!refused || database_->applied_seq() >= refused->first) {
    return std::nullopt;
  }
  if (refused->count == 1 && !refused->proven) {
    if (auto able = database_->probe(probe_bytes_); !able) {
      return std::move(able).error();
    }
  }
  self_->send<caf::message_priority::high>(settings_.queue, *refused);
  return std::nullopt;
}

/// The next connection knows what the database holds, and what is not in it comes again from the queue. The actor
/// stays: a disk that is full for an hour must not use up its restarts.
void writer_state::give_up_database(failure reason) {
  given_up_at_ = database_->applied_seq();
  database_.reset();
  pending_.clear();
  if (!suspected_) {
    return wait_for(std::move(reason));
  }
  waiting_ = true; // For no longer than it takes: who sends such work must not make others wait.
  self_->send(self_, atom::retry::value);
}

/// What waits in the queue is answered meanwhile.
void writer_state::end_process(failure reason) {
  settings_.on_fatal("the database can no longer be trusted: " + to_string(reason));
  self_->send_exit(settings_.queue, caf::exit_reason::kill);
  self_->quit(to_error(std::move(reason)));
}

/// Keeps the batches and tries again later: their order never changes, and the actor stays responsive meanwhile.
void writer_state::wait_for(failure obstacle) {
  const auto now = std::chrono::steady_clock::now();
  if (!obstacle_) {
    obstacle_since_ = now;
  }
  if (!obstacle_ || obstacle_->code != obstacle.code) {
    logger()->warn("the writer waits: {}", obstacle_text(obstacle));
  }
  // A lock that somebody else holds is no failure of the machine.
  if (settings_.breaker && obstacle.code != errc::locked) {
    settings_.breaker->failed(now);
  }
  obstacle_ = std::move(obstacle);
  waiting_ = true;
  self_->delayed_send(self_, delay_.next(), atom::retry::value);
}

void writer_state::unblock() {
  waiting_ = false;
  obstacle_.reset();
  delay_.reset();
}

void writer_state::retry() {
  waiting_ = false;
  if (database_ == nullptr) {
    open();
  } else {
    apply();
  }
}

void writer_state::reopen() {
  if (database_ != nullptr) {
    suspected_.reset();
    database_.reset();
    pending_.clear();
    open();
  }
}

void writer_state::checkpoint() {
  const auto started = std::chrono::steady_clock::now();
  auto done = database_->checkpoint(settings_.wal_pages_max);
  if (done) {
    opened_anew_ = false;
    checkpoint_fails_ = false;
    pace_.checkpointed(std::chrono::steady_clock::now() - started);
    wal_pages_ = done->journal;
    settings_.starving->store(wal_pages_ > settings_.wal_pages_max, std::memory_order_relaxed);
    self_->send(settings_.queue, database_checkpointed{done->checkpointed_seq});
  } else if (done.error().next != storage::remedy::same_connection) {
    heed(std::move(done.error()));
  } else if (done.error().why.code != errc::locked && !std::exchange(checkpoint_fails_, true)) {
    logger()->warn("the checkpoint failed: {}", to_string(done.error().why)); // Nobody waits for it.
  }
}

bool writer_state::starves() const {
  return settings_.starving->load(std::memory_order_relaxed);
}

bool writer_state::checkpoint_owed() const {
  return database_ != nullptr && (opened_anew_ || database_->unmerged() > 0 || starves());
}

void writer_state::idle() {
  idle_armed_ = false;
  const auto busy = std::exchange(busy_since_idle_check_, false);
  if ((!busy || starves()) && checkpoint_owed()) {
    checkpoint();
  }
  if (busy || checkpoint_owed()) { // Readers may have been in the way.
    arm_idle_check();
  }
}

std::uint64_t writer_state::drain() {
  if (checkpoint_owed()) {
    checkpoint();
  }
  return database_ == nullptr ? 0 : database_->applied_seq();
}

void writer_state::arm_idle_check() {
  if (!std::exchange(idle_armed_, true)) {
    self_->delayed_send(self_, starves() ? starving_interval : idle_interval, atom::tick::value);
  }
}

sample writer_state::take_sample() const {
  sample result;
  result.latency = summary(apply_latency_);
  result.wal_pages = wal_pages_;
  result.foreign_commits = foreign_commits_;
  result.blocked = obstacle_;
  if (obstacle_) {
    result.blocked_for = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now()
                                                                               - obstacle_since_);
  }
  return result;
}

writer_actor::behavior_type writer(writer_actor::stateful_pointer<writer_state> self, writer_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
