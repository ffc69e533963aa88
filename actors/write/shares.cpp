#include "shares.hpp"

#include <millrace/actors/base/answer.hpp>

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

/// What takes the writer longer is not quick.
constexpr std::chrono::milliseconds quick_max{50};
/// What is in the log of one program is to take the writer no longer, by what its last ones took.
constexpr std::chrono::seconds in_log_max{2};
/// Where all of them together have more than that there, each may have so much.
constexpr std::chrono::milliseconds in_log_min{100};
constexpr int applied_max = 256;
/// From here on a window is no bound any more.
constexpr std::size_t window_max = 1U << 20U;
/// What a program that is not known may have in the log while all wait for what stood there at the start. Should it be
/// slow, then what it has too much there is given up like any other program's.
constexpr std::size_t behind_replay_max = 1'000;
/// So many in a row make a program known to be quick.
constexpr unsigned quick_enough = 8;
/// So many times as long as a transaction took its program waits before the next one; twice that after the next, and so
/// on.
constexpr int debt_factor = 10;
constexpr unsigned doublings_max = 6;
constexpr std::chrono::minutes debt_max{10};
/// Beyond so many those are forgotten that have nothing here; if they were good they are so soon again.
constexpr std::size_t programs_max = 4'096;

} // namespace

shares::shares(std::chrono::nanoseconds transaction_time_max) : overdraft_max_(2 * transaction_time_max) {}

auto shares::of(const caf::node_id& whose) -> program& {
  if (programs_.size() >= programs_max && !programs_.contains(whose)) {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(programs_, [now](const auto& known) {
      const auto& one = known.second;
      return one.in_log == 0 && one.waiting.empty() && one.debt_until <= now;
    });
  }
  return programs_[whose];
}

bool shares::admits(const caf::node_id& whose) const {
  const auto known = programs_.find(whose);
  return known != programs_.end() && known->second.window > 1 && known->second.waiting.empty()
         && has_place(known->second);
}

std::chrono::nanoseconds shares::expected(const program& one) {
  return one.applied == 0 ? std::chrono::nanoseconds{0} : one.recent / one.applied;
}

bool shares::has_place(const program& one) const {
  const auto mine = expected(one) * static_cast<std::int64_t>(one.in_log);
  return one.in_log < one.window && mine <= in_log_max && (expected_ <= in_log_max || mine <= in_log_min);
}

void shares::wait(waiter one) {
  auto& sender = of(one.from->node());
  if (sender.waiting.empty()) {
    turns_.push_back(&sender);
  }
  sender.waiting.push_back(std::move(one));
  ++waiting_;
}

bool shares::may_send(const program& one, monotonic_time now, bool debtors_too) const {
  if (one.window > 1) {
    return has_place(one);
  }
  if (replaying_) {
    return one.in_log < behind_replay_max;
  }
  return one.in_log == 0 && !one_alone_ && (debtors_too || one.debt_until <= now);
}

/// Debtors have their turn where nobody else has work.
auto shares::next(monotonic_time now, bool idle) -> std::optional<waiter> {
  auto chosen = next_of(now, false);
  return chosen || !idle ? std::move(chosen) : next_of(now, true);
}

auto shares::next_of(monotonic_time now, bool debtors_too) -> std::optional<waiter> {
  const auto found = std::ranges::find_if(turns_, [&](const program* one) { return may_send(*one, now, debtors_too); });
  if (found == turns_.end()) {
    return std::nullopt;
  }
  auto* const sender = *found;
  turns_.erase(found);
  auto chosen = std::move(sender->waiting.front());
  sender->waiting.pop_front();
  if (!sender->waiting.empty()) {
    turns_.push_back(sender);
  }
  --waiting_;
  return chosen;
}

template <class Lost>
auto shares::take_if(Lost lost) -> std::vector<waiter> {
  std::vector<waiter> taken;
  for (auto* sender : turns_) {
    auto& waiting = sender->waiting;
    const auto kept = std::stable_partition(waiting.begin(), waiting.end(),
                                            [&](const waiter& one) { return !lost(one); });
    std::move(kept, waiting.end(), std::back_inserter(taken));
    waiting.erase(kept, waiting.end());
  }
  std::erase_if(turns_, [](const program* one) { return one->waiting.empty(); });
  waiting_ -= taken.size();
  return taken;
}

auto shares::take_lost(monotonic_time now) -> std::vector<waiter> {
  return take_if([now](const waiter& one) { return one.request.deadline < now || is_gone(one.from); });
}

auto shares::take_all() -> std::vector<waiter> {
  return take_if([](const waiter&) { return true; });
}

void shares::entered(const caf::node_id& whose, std::uint64_t seq) {
  auto& sender = of(whose);
  ++sender.in_log;
  const auto known = sender.window > 1;
  const auto alone = !known && !replaying_;
  one_alone_ = one_alone_ || alone;
  in_log_.push_back({.seq = seq,
                     .of = &sender,
                     .total = sender.total,
                     .total_of_all = total_,
                     .expected = expected(sender),
                     .known = known,
                     .alone = alone});
  expected_ += in_log_.back().expected;
}

void shares::took(std::uint64_t seq, std::chrono::nanoseconds how_long, monotonic_time now) {
  const auto found = std::ranges::lower_bound(in_log_, seq, {}, &entry::seq);
  if (found == in_log_.end() || found->seq != seq) {
    return;
  }
  auto& sender = *found->of;
  sender.recent += how_long;
  sender.total += how_long;
  total_ += how_long;
  overdrawn_ = overdrawn_ || total_ - found->total_of_all > overdraft_max_;
  if (how_long <= quick_max) {
    return;
  }
  found->slow = true;
  lose_standing(sender, how_long, now);
}

void shares::lose_standing(program& one, std::chrono::nanoseconds took, monotonic_time now) {
  const auto factor = debt_factor << std::min(one.spells++, doublings_max);
  one.window = 1;
  one.quick = 0;
  one.debt_until = std::max(one.debt_until, now + std::min<std::chrono::nanoseconds>(took * factor, debt_max));
}

void shares::leave(const entry& one) {
  --one.of->in_log;
  expected_ -= one.expected;
  one_alone_ = one_alone_ && !one.alone;
}

void shares::applied_up_to(std::uint64_t seq) {
  while (!in_log_.empty() && in_log_.front().seq <= seq) {
    const auto& first = in_log_.front();
    auto& sender = *first.of;
    leave(first);
    if (++sender.applied > applied_max) {
      sender.applied /= 2;
      sender.recent /= 2;
    }
    if (sender.window > 1) {
      sender.window = std::min(sender.window * 2, window_max);
    } else if (!first.known && !first.slow && ++sender.quick >= quick_enough) {
      sender.window = 2;
      sender.spells = 0;
    }
    in_log_.pop_front();
  }
}

std::vector<std::uint64_t> shares::take_overdrawn(std::uint64_t unapplied, monotonic_time now) {
  std::vector<std::uint64_t> taken;
  if (!std::exchange(overdrawn_, false)) {
    return taken;
  }
  std::unordered_map<program*, std::chrono::nanoseconds> took; // Since the oldest of theirs came.
  std::chrono::nanoseconds together{0};
  for (const auto& one : in_log_) {
    if (!one.given_up && took.try_emplace(one.of, one.of->total - one.total).second) {
      together += took[one.of];
    }
  }
  std::size_t of_others = waiting_;
  std::erase_if(took, [&, count = static_cast<std::int64_t>(took.size())](const auto& one) {
    const auto part = one.second.count() > 0 && one.second * count >= together;
    of_others -= part ? one.first->waiting.size() : 0;
    return !part;
  });
  for (const auto& one : in_log_) {
    if (!one.given_up && took.contains(one.of)) {
      taken.push_back(one.seq);
    }
  }
  if (unapplied <= taken.size() && of_others == 0) {
    return {};
  }
  for (auto& one : in_log_) {
    one.given_up = one.given_up || took.contains(one.of);
  }
  std::ranges::for_each(took, [now](const auto& one) { lose_standing(*one.first, one.second, now); });
  return taken;
}

void shares::withdrawn_above(std::uint64_t seq) {
  while (!in_log_.empty() && in_log_.back().seq > seq) {
    leave(in_log_.back());
    in_log_.pop_back();
  }
}

} // namespace millrace
