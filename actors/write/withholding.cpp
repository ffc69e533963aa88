#include "queue.hpp"

#include <millrace/actors/base/logger.hpp>
#include <millrace/actors/base/obstacle.hpp>
#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/codec/codec.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

/// What the queue does not give to the writer, and why: work that is skipped, and all of it where the database is not
/// the one that was written last.
namespace millrace {

namespace {

/// After which the writer looks again whether a database is there that can be brought up to date.
constexpr std::chrono::seconds reopen_interval{1};

/// What an attempt failed with, as long as an order to skip may say it, in whole characters.
std::string reason_of(const failure& why) {
  auto text = obstacle_text(why);
  if (text.size() > storage::skip_reason_max) {
    auto end = storage::skip_reason_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
      --end;
    }
    text.resize(end);
  }
  return text;
}

failure not_waiting(std::uint64_t seq) {
  return {errc::not_found, "seq " + std::to_string(seq) + " does not wait to be applied"};
}

} // namespace

/// Whether the writer may be given what comes next. What is to be set aside is before (actors/DESIGN.md §7 rule 3).
bool queue_state::set_aside_what_is_due() {
  while (!asides_due_.empty()) {
    keep_what_was_promised();
    auto& [what, answer, though_promised] = asides_due_.front();
    const auto first = what.seqs.front();
    std::erase_if(what.seqs, [this](std::uint64_t seq) { return seq <= applied_seq_ || backlog_->is_skipped(seq); });
    const bool waits = !what.seqs.empty();
    if (waits && !write_skip_order(what)) {
      return false;
    }
    if (answer.pending()) {
      deliver(answer,
              waits ? storage::answer{outcome{.seq = first, .results = {}}} : tl::unexpected{not_waiting(first)});
    }
    asides_due_.erase(asides_due_.begin());
  }
  return look_at_suspect();
}

/// Who sends a name again may have been told that it is durable after it was wished to be given up.
void queue_state::keep_what_was_promised() {
  auto& [what, answer, though_promised] = asides_due_.front();
  if (what.why != errc::deadline_exceeded || though_promised) {
    return;
  }
  storage::skip_order promised{{}, errc::quarantined, what.deaths, what.reason};
  std::erase_if(what.seqs, [&](std::uint64_t seq) {
    const auto kept = !ledger_.is_unpromised(seq);
    if (kept) {
      promised.seqs.push_back(seq);
    }
    return kept;
  });
  if (what.seqs.empty()) {
    what = std::move(promised);
  } else if (!promised.seqs.empty()) {
    asides_due_.push_back({std::move(promised), {}, false});
  }
}

/// The same for what the attempts tell of earlier processes and of this one.
bool queue_state::look_at_suspect() {
  if (settings_.attempts == nullptr) {
    return true;
  }
  const auto suspect = settings_.attempts->suspect();
  const auto due = suspect.deaths >= settings_.deaths_max && suspect.seq > applied_seq_ && suspect.seq <= durable_seq_
                   && !backlog_->is_skipped(suspect.seq);
  if (due) {
    logger()->error("each of {} attempts at seq {} failed, and it is set aside", suspect.deaths, suspect.seq);
  }
  const auto known = accused_.first == suspect.seq; // Otherwise that process is gone.
  return !due
         || write_skip_order(
           {{suspect.seq}, errc::quarantined, suspect.deaths, known ? accused_.second : std::string{}});
}

/// Not before the writer has reported anew: as long as it holds the work, it may commit it. What it computes is called
/// off, and tried again unless it is that.
caf::result<outcome> queue_state::accept_set_aside(const quarantine_set_aside& request) {
  if (request.seq <= applied_seq_ || request.seq > durable_seq_ || backlog_->is_skipped(request.seq)) {
    return to_error(not_waiting(request.seq));
  }
  auto answer = self_->make_response_promise<outcome>();
  storage::skip_order order{{request.seq}, errc::quarantined, 0};
  if (request.seq <= sent_seq_) {
    wish_aside(std::move(order), answer);
  } else { // The writer holds nothing of it.
    asides_due_.push_back({std::move(order), answer, false});
    set_aside_what_is_due();
    feed_writer();
  }
  return answer;
}

void queue_state::wish_aside(storage::skip_order what, outcome_promise answer) {
  const auto asked = !asides_asked_.empty(); // Then it has been told already.
  asides_asked_.push_back({std::move(what), std::move(answer), false});
  if (writer_ && !asked) {
    settings_.board->called_off()->store(true);
    self_->send(writer_, atom::reopen::value);
  }
}

/// Others wait no longer for all that a program sent at once, and that nobody could know to be slow. What somebody was
/// told to be durable is kept in quarantine.
void queue_state::give_up_overdrawn(monotonic_time now) {
  auto seqs = shares_.take_overdrawn(durable_seq_ - applied_seq_, now);
  if (seqs.empty()) {
    return;
  }
  logger()->warn(
    "{} transactions of programs that took the writer too long, from seq {} on, are not tried, as others "
    "wait",
    seqs.size(), seqs.front());
  wish_aside({std::move(seqs), errc::deadline_exceeded, 1,
              "what its program had sent before it took the writer too long, and others waited"},
             {});
}

void queue_state::take_requests_to_set_aside() {
  for (auto& one : std::exchange(asides_asked_, {})) {
    if (one.what.seqs.back() > applied_seq_) {
      asides_due_.push_back(std::move(one));
    } else if (one.answer.pending()) { // Nothing else may be left to do.
      deliver(one.answer, tl::unexpected{not_waiting(one.what.seqs.back())});
    }
  }
}

/// Work that waited beyond its deadline is dropped before it is tried, never after.
void queue_state::skip_expired(std::uint64_t first, std::uint64_t last) {
  auto expired = ledger_.expired(first, last, std::chrono::steady_clock::now());
  std::erase_if(expired, [this](std::uint64_t seq) { return backlog_->is_skipped(seq); });
  if (!expired.empty()) {
    // Where the disk is full this fails, and they are applied: late, but as they were accepted.
    write_skip_order({std::move(expired), errc::deadline_exceeded, 0});
  }
}

/// That work is skipped must be in the log before anything after it is applied (storage/DESIGN.md §1 rule 3).
bool queue_state::write_skip_order(storage::skip_order order) {
  const auto seqs = order.seqs;
  storage::skipped_work skipped{0, order.why, order.deaths, order.reason};
  open_->items.emplace_back(std::move(order));
  ledger_.add({});
  storage::failpoint("skip.before_order");
  const auto written = write_open();
  storage::failpoint("skip.after_order");
  skip_wanted_ = !written;
  if (written) {
    for (const auto seq : seqs) {
      skipped.seq = seq;
      backlog_->skip(skipped);
    }
  } else {
    arm_tick();
  }
  return written;
}

void queue_state::note_timeouts(const storage::batch& work) {
  for (auto seq = work.first_seq; const auto& item : work.items) {
    const auto* const change = std::get_if<schema_change>(&item);
    const auto decided = [&] { return std::ranges::binary_search(work.skipped, seq, {}, &storage::skipped_work::seq); };
    if (change != nullptr && change->timeout.count() > 0 && !decided()) {
      timed_.insert(seq);
    }
    ++seq;
  }
}

/// That a change came to its end within its timeout is no function of the log, either: it must be there before anybody
/// is told, so that a slower machine does not undo it that applies the log to an older copy.
void queue_state::record_in_time(std::uint64_t applied) {
  const auto end = timed_.upper_bound(applied);
  storage::skip_order order{{timed_.begin(), end}, errc::none, 0};
  timed_.erase(timed_.begin(), end);
  std::erase_if(order.seqs, [this](std::uint64_t seq) { return backlog_->is_skipped(seq); });
  if (!order.seqs.empty()) {
    write_skip_order(std::move(order));
  }
}

/// Whether the writer, or the process, died over what it was trying; then all of that is tried one by one.
void queue_state::count_death(std::uint64_t applied_seq) {
  const auto broken = settings_.attempts == nullptr ? std::nullopt : settings_.attempts->broken();
  if (!broken) {
    return;
  }
  settings_.attempts->end();
  if (broken->last <= applied_seq || broken->last > durable_seq_) {
    return;
  }
  be_careful(broken->last, 1);
  const auto culprit = broken->first == broken->last ? broken->first : broken->at;
  if (culprit > applied_seq) { // Otherwise it died in the commit of many.
    count_against(culprit);
  }
}

void queue_state::count_against(std::uint64_t seq) {
  if (settings_.attempts == nullptr) {
    return;
  }
  if (const auto deaths = settings_.attempts->accuse(seq)) {
    logger()->warn("an attempt at seq {} failed, {} so far", seq, *deaths);
  } else {
    logger()->error("a failed attempt at seq {} could not be counted: {}", seq, to_string(deaths.error()));
  }
}

/// The machine does for others what it refused to this work. One of many is looked for by halves; what took more than
/// it may, alone, is set aside at once.
void queue_state::suspect(const work_refused& message) {
  logger()->warn("what begins with seq {} could not be applied: {}", message.first, obstacle_text(message.why));
  const auto now = std::chrono::steady_clock::now();
  if (message.count == 1) {
    shares_.took(message.first, std::min<std::chrono::nanoseconds>(now - progress_at_, settings_.transaction_time_max),
                 now);
  }
  if (message.count > 1) {
    be_careful(message.first + message.count - 1, message.count / 2);
  } else if (!message.proven) {
    accused_ = {message.first, reason_of(message.why)};
    count_against(message.first);
  } else if (message.why.code == errc::too_large) {
    asides_due_.push_back({{{message.first}, errc::too_large, 1, reason_of(message.why)}, {}, false});
  } else {
    const auto late = message.overran || !ledger_.expired(message.first, message.first, now).empty();
    const auto why = late ? errc::deadline_exceeded : errc::quarantined;
    asides_due_.push_back({{{message.first}, why, 1, reason_of(message.why)}, {}, message.overran});
  }
  give_up_overdrawn(now);
}

void queue_state::be_careful(std::uint64_t last, std::uint64_t count_max) {
  careful_count_max_ = last <= careful_until_ ? std::min(careful_count_max_, count_max) : count_max;
  careful_until_ = std::max(careful_until_, last);
}

/// Somebody put a copy in place of the database. The next incarnation applies again what that lacks, as after a start
/// of the process: names and orders to skip are read with it. Where the log does not reach back so far nothing is
/// applied, and the next look may find another database.
void queue_state::meet_copy(std::uint64_t applied_seq) {
  const auto missing = log_->read_from(applied_seq + 1);
  if (applied_seq < applied_seq_ && !missing && missing.error().code == errc::file_not_found) {
    return hold_up("the copy in its place ends at seq " + std::to_string(applied_seq) + ", and the log begins later");
  }
  logger()->error("a copy took the place of the database: seq {} is the last that it holds, but {} was applied",
                  applied_seq, applied_seq_);
  settings_.applied_seq->store(applied_seq);
  stretch_ended_ = true; // Whoever did that may have brought in rows that no log knows.
  write_open();
  self_->quit(to_error({errc::database_gone, "a copy took its place"}));
}

/// The writer is given nothing; its next look may find another database.
void queue_state::hold_up(std::string why) {
  if (!held_up_) {
    logger()->error("nothing is applied to the database: {}", why);
  }
  held_up_ = failure{errc::database_gone, std::move(why)};
  self_->delayed_send(writer_, reopen_interval, atom::reopen::value);
}

} // namespace millrace
