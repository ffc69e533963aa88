#include "health_monitor.hpp"

#include <millrace/actors/base/logger.hpp>
#include <millrace/actors/base/obstacle.hpp>

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>
#include <caf/actor_cast.hpp>

namespace millrace {

namespace {

bool is_reader(const std::string& id) {
  return id.starts_with("reader-");
}

void worsen(health_report& report, health_state state, std::string reason) {
  report.state = std::max(report.state, state);
  report.reasons.push_back(std::move(reason));
}

std::string seconds(std::chrono::milliseconds duration) {
  return std::to_string(duration.count() / 1000) + " s";
}

void add(latency_summary& sum, const latency_summary& one) {
  // Percentiles cannot be added; the slowest reader is what a client may meet.
  sum.count += one.count;
  sum.p50_us = std::max(sum.p50_us, one.p50_us);
  sum.p99_us = std::max(sum.p99_us, one.p99_us);
  sum.p999_us = std::max(sum.p999_us, one.p999_us);
  sum.max_us = std::max(sum.max_us, one.max_us);
}

void judge_breaker(health_report& report, breaker_state state, const char* what) {
  if (state != breaker_state::closed) {
    worsen(
      report, health_state::degraded,
      "The circuit breaker for " + std::string{what} + " is " + std::string{name(state)}
        + ": too many failed lately, so most are refused at once until some succeed; look at the disk and the log.");
  }
}

/// From here on it is said what the writer runs.
constexpr std::chrono::seconds long_try{1};

/// From here on it is said that what stood in the log at the start is being applied, and so often again.
constexpr std::chrono::seconds long_replay{2};
constexpr std::chrono::seconds replay_told_every{10};

/// How long after a commit by somebody else the engine counts as degraded, so that it is seen.
constexpr std::chrono::minutes foreign_commit_shown{1};

} // namespace

std::uint64_t health_monitor_state::running_total::update(std::uint64_t counted) noexcept {
  const auto grown = counted < counted_ ? counted : counted - counted_;
  counted_ = counted;
  sum_ += grown;
  return grown;
}

health_monitor_actor::behavior_type health_monitor_state::make_behavior(health_monitor_options settings) {
  settings_ = std::move(settings);
  self_->set_down_handler([this](caf::down_msg& message) {
    std::erase_if(*settings_.subscribers,
                  [&message](const health_listener& one) { return one.address() == message.source; });
  });
  for (const auto& subscriber : *settings_.subscribers) {
    self_->monitor(subscriber);
  }
  report_ = evaluate();
  self_->send(self_, atom::tick::value);
  return {
    [this](const health_request&) { return report_; },
    [this](const health_subscription&) { return subscribe(); },
    [this](const breaker_changed& event) { tell(event); },
    [this](atom::tick) { look(); },
  };
}

void health_monitor_state::look() {
  ++round_;
  awaited_ = 0;
  responding_.clear();
  const auto time_limit = settings_.interval * 4 / 5;
  for (const auto& [id, address] : settings_.board->children()) {
    if (id == "monitor") {
      continue;
    }
    responding_[id] = false;
    if (!address) {
      continue;
    }
    ++awaited_;
    self_->request<caf::message_priority::high>(address, time_limit, atom::sample::value)
      .then([this, round = round_, name = id](sample& seen) { answered(round, name, std::move(seen)); },
            [this, round = round_, name = id](caf::error&) { missed(round, name); });
  }
  finish_if_complete();
  self_->delayed_send(self_, settings_.interval, atom::tick::value);
}

void health_monitor_state::answered(std::uint64_t round, const std::string& id, sample seen) {
  add_up(id, seen);
  samples_[id] = std::move(seen);
  if (round == round_) {
    responding_[id] = true;
    --awaited_;
    finish_if_complete();
  }
}

void health_monitor_state::missed(std::uint64_t round, const std::string& id) {
  if (round == round_) {
    logger()->debug("{} did not answer the health monitor in time", id);
    --awaited_;
    finish_if_complete();
  }
}

void health_monitor_state::finish_if_complete() {
  if (awaited_ == 0) {
    publish(evaluate());
  }
}

void health_monitor_state::add_up(const std::string& id, const sample& seen) {
  if (id == "queue") {
    watch_writer(seen.tried_seq);
    watch_replay(seen);
  }
  if (id == "writer" && foreign_commits_.update(seen.foreign_commits) > 0) {
    foreign_until_ = self_->clock().now() + foreign_commit_shown;
  }
}

void health_monitor_state::watch_writer(std::uint64_t tried_seq) {
  const auto now = self_->clock().now();
  if (std::exchange(tried_seq_, tried_seq) != tried_seq) {
    tried_since_ = now;
    tried_long_ = false;
  }
  if (tried_seq != 0 && now - tried_since_ >= long_try && !std::exchange(tried_long_, true)) {
    logger()->warn("the writer has run seq {} for more than a second; what was accepted after it waits", tried_seq);
  }
}

void health_monitor_state::watch_replay(const sample& queue) {
  const auto now = self_->clock().now();
  const auto before = std::exchange(replay_left_, queue.replay_end - std::min(queue.replay_end, queue.applied_seq));
  if (before == 0) {
    replay_since_ = now;
    replay_told_ = {};
  }
  const auto told = replay_told_ != monotonic_time{};
  if (replay_left_ == 0) {
    if (before > 0 && told) {
      logger()->warn("all that stood in the log at the start is applied, up to seq {}", queue.replay_end);
    }
  } else if (now - replay_since_ >= long_replay && (!told || now - replay_told_ >= replay_told_every)) {
    replay_told_ = now;
    logger()->warn("of what stood in the log at the start {} transactions are still to be applied{}", replay_left_,
                   queue.tried_seq == 0 ? "" : "; the writer runs seq " + std::to_string(queue.tried_seq));
  }
}

health_report health_monitor_state::evaluate() const {
  health_report report;
  for (const auto& [id, responds] : responding_) {
    report.actors.push_back({id, responds, settings_.board->restarts(id)});
  }
  report.actors.push_back({"monitor", true, settings_.board->restarts("monitor")});
  report.inflight_transactions = settings_.room->requests();
  report.inflight_bytes = settings_.room->bytes();
  report.waiting_queries = settings_.board->waiting_queries();
  report.pool = settings_.board->pool();
  judge_queue(report);
  judge_writer(report);
  judge_database(report);
  judge_readers(report);
  judge_scrubber(report);
  judge_breakers(report);
  if (settings_.room->nearly_full()) {
    worsen(report, health_state::degraded,
           std::to_string(report.inflight_transactions)
             + " transactions wait, over 90 % of what is allowed: new ones are about to be refused.");
  }
  if (settings_.board->queries_nearly_full()) {
    worsen(report, health_state::degraded,
           std::to_string(report.waiting_queries)
             + " queries wait, and a reader or the queue holds over 90 % of those that it may: new ones are about to be "
               "refused.");
  }
  return report;
}

void health_monitor_state::judge_queue(health_report& report) const {
  if (const auto found = samples_.find("queue"); found != samples_.end()) {
    const auto& seen = found->second;
    report.durable_seq = seen.durable_seq;
    report.applied_seq = seen.applied_seq;
    report.checkpointed_seq = seen.checkpointed_seq;
    report.log_bytes = seen.log_bytes;
    report.sync = seen.latency;
    if (replay_left_ > 0 && replay_told_ != monotonic_time{}) {
      worsen(report, health_state::degraded,
             "Of what stood in the log at the start " + std::to_string(replay_left_)
               + " transactions are still to be applied, before all that is sent now: queries see a state without them, "
                 "and an operator can set aside what takes long.");
    }
    if (seen.blocked) {
      worsen(report, health_state::unhealthy, "The write-ahead queue is held up: " + to_string(*seen.blocked));
    }
  }
  if (const auto found = responding_.find("queue"); found != responding_.end() && !found->second) {
    worsen(report, health_state::unhealthy,
           "The write-ahead queue does not answer: it is being restarted, or the disk is very slow.");
  }
}

void health_monitor_state::judge_writer(health_report& report) const {
  const auto waiting = report.durable_seq - std::min(report.applied_seq, report.durable_seq);
  if (const auto found = samples_.find("writer"); found != samples_.end()) {
    const auto& seen = found->second;
    report.apply = seen.latency;
    report.wal_pages = seen.wal_pages;
    if (seen.blocked && (seen.blocked->code == errc::database_gone || seen.blocked->code == errc::corrupt)) {
      worsen(report, health_state::unhealthy,
             "Nothing can be applied to the database; queries may go on, " + std::to_string(waiting)
               + " transactions wait: " + to_string(*seen.blocked));
    } else if (seen.blocked) {
      worsen(report, health_state::degraded,
             "The writer has waited for " + seconds(seen.blocked_for) + " with " + std::to_string(waiting)
               + " transactions: " + obstacle_text(*seen.blocked));
    }
  }
  if (tried_long_) {
    const auto ran = std::chrono::duration_cast<std::chrono::milliseconds>(self_->clock().now() - tried_since_);
    worsen(report, health_state::degraded,
           "The writer has run seq " + std::to_string(tried_seq_) + " for " + seconds(ran) + ", with "
             + std::to_string(waiting) + " transactions not applied: an operator can set it aside.");
  } else if (const auto found = responding_.find("writer"); found != responding_.end() && !found->second) {
    worsen(report, health_state::degraded,
           "The writer does not answer: it is being restarted, or applies something large; " + std::to_string(waiting)
             + " transactions wait.");
  }
}

void health_monitor_state::judge_database(health_report& report) const {
  report.foreign_commits = foreign_commits_.sum();
  if (const auto queue = samples_.find("queue"); queue != samples_.end()) {
    report.quarantined = queue->second.quarantined;
  }
  if (self_->clock().now() < foreign_until_) {
    worsen(report, health_state::degraded,
           "Another process changed the database (" + std::to_string(report.foreign_commits)
             + " commits so far): the log alone no longer rebuilds it; take a base backup.");
  }
  if (report.quarantined > 0) {
    worsen(report, health_state::degraded,
           std::to_string(report.quarantined)
             + " transactions were set aside, since each attempt at them failed or an operator wished it: list them, then "
               "resubmit or discard them.");
  }
  if (report.wal_pages > settings_.wal_pages_max) {
    worsen(report, health_state::degraded,
           "SQLite's own log holds " + std::to_string(report.wal_pages)
             + " pages: readers keep it from beginning anew. New queries wait until they have ended, those of Millrace "
               "with their lease; where this lasts, look for another process that reads the database.");
  }
}

void health_monitor_state::judge_breakers(health_report& report) const {
  const auto now = self_->clock().now();
  if (settings_.transactions) {
    report.transactions = settings_.transactions->health(now);
  }
  if (settings_.queries) {
    report.queries = settings_.queries->health(now);
  }
  judge_breaker(report, report.transactions.state, "transactions");
  judge_breaker(report, report.queries.state, "queries");
}

void health_monitor_state::judge_readers(health_report& report) const {
  for (const auto& [id, seen] : samples_) {
    if (is_reader(id)) {
      add(report.query, seen.latency);
      if (seen.blocked && seen.blocked->code == errc::corrupt) {
        worsen(report, health_state::unhealthy,
               "The database is damaged, as a query showed: " + to_string(*seen.blocked));
      }
    }
  }
  std::size_t readers = 0;
  std::size_t silent = 0;
  for (const auto& [id, responds] : responding_) {
    readers += is_reader(id) ? 1 : 0;
    silent += is_reader(id) && !responds ? 1 : 0;
  }
  if (readers > 0 && report.pool.open == 0) {
    worsen(report, health_state::unhealthy, "Every reader is being restarted: queries are refused.");
  } else if (report.pool.open < readers) {
    worsen(
      report, health_state::degraded,
      std::to_string(readers - report.pool.open) + " of " + std::to_string(readers) + " readers are being restarted.");
  } else if (readers > 0 && silent == readers) {
    worsen(report, health_state::degraded,
           "Every reader is busy with a long query; shorten the queries or open more readers.");
  }
}

void health_monitor_state::judge_scrubber(health_report& report) const {
  if (const auto found = samples_.find("scrubber"); found != samples_.end()) {
    report.scrubs = found->second.scrubs;
    const auto& trouble = found->second.blocked;
    if (trouble && trouble->code == errc::corrupt) {
      worsen(report, health_state::unhealthy,
             "The database is damaged, as a look through all of it showed: " + to_string(*trouble));
    } else if (trouble) {
      worsen(report, health_state::degraded,
             "The search for damage in the database does not come to its end: " + to_string(*trouble));
    }
  }
}

void health_monitor_state::publish(health_report report) {
  const auto changed = report.state != report_.state;
  report_ = std::move(report);
  if (!changed) {
    return;
  }
  logger()->log(report_.state == health_state::healthy ? spdlog::level::info : spdlog::level::warn,
                "the engine is {}{}", millrace::name(report_.state),
                report_.reasons.empty() ? "" : ": " + report_.reasons.front());
  tell(health_changed{report_});
}

health_report health_monitor_state::subscribe() {
  auto subscriber = caf::actor_cast<health_listener>(self_->current_sender());
  auto& known = *settings_.subscribers;
  if (subscriber && std::ranges::find(known, subscriber) == known.end()) {
    self_->monitor(subscriber);
    known.push_back(std::move(subscriber));
  }
  return report_;
}

health_monitor_actor::behavior_type health_monitor(health_monitor_actor::stateful_pointer<health_monitor_state> self,
                                                   health_monitor_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
