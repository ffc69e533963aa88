#include "waiting_room.hpp"

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/base/atoms.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

namespace millrace {

namespace {

/// Between two looks at what waits, so that an answer comes that much after a deadline at most; and as many times what
/// a look took, so that no more than a tenth of the time is spent on it however much waits.
constexpr std::chrono::milliseconds look_interval{20};
constexpr int look_pause = 10;

/// What runs for longer takes long: others would be waiting too long behind it.
constexpr std::chrono::milliseconds long_run{1'000};
/// So long after one was served those who are known to be quick have a reader of their own.
constexpr std::chrono::milliseconds quick_share{1'000};
/// At least so many askers are known; who is quick is soon known again.
constexpr std::size_t known_min = 16'384;

void tell(const caf::actor& woken) {
  if (woken) {
    caf::actor_cast<caf::abstract_actor*>(woken)->enqueue(
      caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, atom::run::value), nullptr);
  }
}

std::uint64_t for_all(std::uint64_t each, std::size_t readers) noexcept {
  const auto most = std::numeric_limits<std::uint64_t>::max();
  return each > most / readers ? most : each * readers;
}

} // namespace

waiting_room::waiting_room(std::size_t readers, query_bound each)
  : room_(for_all(each.queries_max, readers), for_all(each.bytes_max, readers)),
    seats_(readers),
    known_max_(known_min) {}

waiting_room::~waiting_room() {
  std::list<waiting_request> all;
  for_each_line([&](waiting_line& one) { one.move_all(all); });
  std::ranges::for_each(all, [&](const waiting_request& one) { refuse(one, {errc::shutting_down, ""}); });
}

void waiting_room::enter(std::size_t reader, const caf::actor& address) {
  caf::actor woken;
  {
    const std::lock_guard lock{mutex_};
    auto& one = seats_[reader];
    vacate(one);
    ++taken_;
    one.taken = true;
    one.address = address;
    woken = waiting() > 0 ? wake(&one) : nullptr;
  }
  tell(woken);
}

std::list<waiting_request> waiting_room::leave(std::size_t reader) {
  std::list<waiting_request> unserved;
  caf::actor woken;
  {
    const std::lock_guard lock{mutex_};
    vacate(seats_[reader]);
    if (taken_ > 0) {
      for_each_line([reader](waiting_line& one) { one.release(reader); });
      // Whoever it was woken for must not be left to it.
      woken = waiting() > 0 ? wake(at_rest()) : nullptr;
    } else {
      for_each_line([&](waiting_line& one) { one.move_all(unserved); });
      lines_ = {};
      by_asker_.clear();
      waiting_ = 0;
    }
  }
  tell(woken);
  std::ranges::for_each(unserved, [this](const waiting_request& one) { room_.give_back(1, one.bytes); });
  return unserved;
}

void waiting_room::put(waiting_request one) {
  const auto who = id_of(asker_of(*one.message));
  waiting_line::requests ones;
  auto& reader = ones.emplace_back(std::move(one)).reader;
  caf::actor woken;
  {
    const std::lock_guard lock{mutex_};
    if (reader && (*reader >= seats_.size() || !seats_[*reader].taken)) {
      reader.reset();
    }
    auto& line = line_of(who);
    line.put(std::move(ones));
    settle(line);
    waiting_.fetch_add(1, std::memory_order_relaxed);
    auto* const meant = reader ? &seats_[*reader] : at_rest();
    wait_count_.fetch_add(meant == nullptr ? 1 : 0, std::memory_order_relaxed);
    woken = wake(meant);
  }
  tell(woken);
}

std::list<waiting_request> waiting_room::next(std::size_t reader, bool may_begin, std::size_t most,
                                              monotonic_time now) {
  std::list<waiting_request> given;
  const std::lock_guard lock{mutex_};
  auto& mine = seats_[reader];
  end(mine, now);
  mine.began = now;
  const auto part = std::clamp<std::size_t>(waiting() / std::max<std::size_t>(taken_, 1), 1, most);
  const auto others = elsewhere(reader, now);
  while (given.size() < part) {
    auto* const chosen = choose(reader, may_begin, others, now);
    if (chosen == nullptr) {
      break;
    }
    chosen->take(reader, may_begin, given);
    mine.given.push_back({chosen, given.back().bytes});
    chosen->go_last(turns_of(*chosen));
    settle(*chosen);
  }
  waiting_.fetch_sub(given.size(), std::memory_order_relaxed);
  mine.awake = !given.empty();
  return given;
}

void waiting_room::put_back(std::size_t reader, std::list<waiting_request>& unbegun) {
  caf::actor woken;
  {
    const std::lock_guard lock{mutex_};
    auto& given = seats_[reader].given;
    waiting_.fetch_add(unbegun.size(), std::memory_order_relaxed);
    while (!unbegun.empty()) {
      auto& asker = *given.back().asker;
      asker.take_back(unbegun, std::prev(unbegun.end()));
      settle(asker);
      given.pop_back();
    }
    woken = wake(at_rest());
  }
  tell(woken);
}

void waiting_room::note_answer(const caf::strong_actor_ptr& asker, const caf::message& rows, std::size_t bytes) {
  const std::lock_guard lock{mutex_};
  auto& line = line_of(id_of(asker));
  line.note_answer(rows, bytes);
  if (line.under_way() > 0) {
    answers_under_way_ = true;
  }
  settle(line);
}

void waiting_room::pause(std::size_t reader, monotonic_time now) {
  const std::lock_guard lock{mutex_};
  end(seats_[reader], now);
}

void waiting_room::look(monotonic_time now) {
  if (now < next_look_.load(std::memory_order_relaxed)) {
    return;
  }
  std::list<waiting_request> due;
  {
    const std::lock_guard lock{mutex_};
    if (now < next_look_.load(std::memory_order_relaxed)) {
      return;
    }
    move_due(now, due);
    make_way(now);
    const auto after = std::chrono::steady_clock::now();
    next_look_ = after + std::max<monotonic_time::duration>(look_interval, look_pause * (after - now));
  }
  for (const auto& one : due) {
    const auto waited = std::max(now - one.since, monotonic_time::duration{0});
    expired_wait_us_ += static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(waited).count());
    ++expired_;
    refuse(one, now > one.deadline ? failure{errc::deadline_exceeded, "the query waited too long for a reader"}
                                   : failure{errc::unavailable, "nobody waits for the answer any more"});
  }
}

bool waiting_room::is_awake(std::size_t reader) const {
  const std::lock_guard lock{mutex_};
  return seats_[reader].awake;
}

waiting_line& waiting_room::line_of(const asker_id& who) {
  if (by_asker_.size() >= known_max_ && !by_asker_.contains(who)) {
    std::erase_if(by_asker_, [](const auto& known) { return known.second.empty(); });
    known_max_ = std::max(known_min, 2 * by_asker_.size());
  }
  return by_asker_.try_emplace(who, who).first->second;
}

waiting_line::turns& waiting_room::turns_of(const waiting_line& one) {
  return lines_[static_cast<std::size_t>(one.habit().now())];
}

template <class Visit>
void waiting_room::for_each_line(const Visit& visit) {
  for (auto& some : lines_) {
    for (auto next = some.begin(); next != some.end();) {
      visit(**next++);
    }
  }
}

/// No more lines are passed over than readers work for, those whose requests are for other readers, and those whose
/// peers do not read.
waiting_line* waiting_room::choose(std::size_t reader, bool may_begin, const at_work& others, monotonic_time now) {
  const auto most = std::max<std::size_t>(taken_, 2) - 1;
  const auto quick_ask = now - quick_asked_ < quick_share;
  const auto may = [&](const asker_habit& habit) {
    return habit.known_quick() || ((!habit.slow || others.take_long < most) && (!quick_ask || others.not_quick < most));
  };
  waiting_line* best = nullptr;
  for (auto some = lines_.begin(); some != lines_.end() && best == nullptr; ++some) {
    for (auto one = some->begin(); one != some->end() && may((*one)->habit()); ++one) {
      const auto sooner = best == nullptr || (*one)->running() < best->running();
      if (sooner && (*one)->has_any(reader, may_begin) && (*one)->has_room()) {
        best = *one;
        if (best->running() == 0) {
          break;
        }
      }
    }
  }
  if (best != nullptr && best->habit().known_quick()) {
    quick_asked_ = now;
  }
  return best;
}

/// What the other readers run.
waiting_room::at_work waiting_room::elsewhere(std::size_t reader, monotonic_time now) const {
  at_work found;
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    if (const auto& one = seats_[i]; i != reader && !one.given.empty()) {
      const auto& habit = one.given.back().asker->habit();
      found.take_long += habit.slow || now - one.began > long_run ? 1 : 0;
      found.not_quick += habit.known_quick() ? 0 : 1;
    }
  }
  return found;
}

/// Has those in the order of turns who belong there.
void waiting_room::settle(waiting_line& one) {
  if (one.is_unsettled() == one.has_turn()) {
    return;
  }
  if (one.has_turn()) {
    one.leave(turns_of(one));
  } else {
    one.go_last(turns_of(one));
  }
}

/// What a reader was given is answered.
void waiting_room::end(seat& one, monotonic_time now) {
  const auto made_way = one.yields.exchange(false);
  std::size_t bytes = 0;
  for (const auto& [asker, held] : one.given) {
    bytes += held;
    asker->ended();
    auto& before = turns_of(*asker);
    asker->habit().note(now - one.began > long_run && &asker == &one.given.back().asker);
    auto& after = turns_of(*asker);
    if (asker->has_turn() && (made_way || &before != &after)) {
      asker->leave(before);
      asker->go_last(after); // For those that wait.
    }
  }
  if (!one.given.empty()) {
    room_.give_back(one.given.size(), bytes, now);
    one.given.clear();
  }
}

void waiting_room::vacate(seat& one) {
  end(one, std::chrono::steady_clock::now());
  taken_ -= one.taken ? 1 : 0;
  one.taken = false;
  one.awake = false;
  one.address = nullptr;
}

/// The next in turn of those readers; null where all are awake.
waiting_room::seat* waiting_room::at_rest() {
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    auto& one = seats_[turn_++ % seats_.size()];
    if (one.taken && !one.awake) {
      return &one;
    }
  }
  return nullptr;
}

/// Whom to tell; nobody where it is awake, or none is meant.
caf::actor waiting_room::wake(seat* one) {
  return one == nullptr || std::exchange(one->awake, true) ? nullptr : one->address;
}

void waiting_room::move_due(monotonic_time now, std::list<waiting_request>& into) {
  auto under_way = false;
  for_each_line([&](waiting_line& one) {
    one.move_due(now, into);
    one.has_room(); // Lets go of what has arrived.
    under_way = under_way || one.under_way() > 0;
    settle(one);
  });
  answers_under_way_ = under_way;
  waiting_.fetch_sub(into.size(), std::memory_order_relaxed);
}

/// One at a time: whoever waits may be served by then.
void waiting_room::make_way(monotonic_time now) {
  const auto making_way = [](const seat& one) { return one.yields.load(); };
  const auto let_one_yield = [&](seat* longest, std::optional<std::size_t> reader) {
    const auto waits_too_long = [&](waiting_line* one) {
      return one != longest->given.back().asker && !one->habit().slow && one->is_impatient(now, reader)
             && one->has_room();
    };
    const auto any_waits = [&](const waiting_line::turns& some) { return std::ranges::any_of(some, waits_too_long); };
    if (longest != nullptr && std::ranges::none_of(seats_, making_way) && std::ranges::any_of(lines_, any_waits)) {
      longest->yields = true;
    }
  };
  let_one_yield(longest_of_one_asker(std::nullopt), std::nullopt);
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    let_one_yield(longest_of_one_asker(i), i);
  }
  let_one_yield(longest_where_all_take_long(now), std::nullopt);
}

/// Of those who were not known to be slow, as far as there are any; null where some reader does not run what takes
/// long.
waiting_room::seat* waiting_room::longest_where_all_take_long(monotonic_time now) {
  seat* longest = nullptr;
  const auto rank = [](const seat& one) { return std::pair{one.given.back().asker->habit().slow, one.began}; };
  for (auto& one : seats_) {
    if (one.taken && (one.given.empty() || now - one.began <= long_run)) {
      return nullptr;
    }
    if (one.taken && (longest == nullptr || rank(one) < rank(*longest))) {
      longest = &one;
    }
  }
  return longest;
}

/// Of all readers, or of that one alone; null where not one asker has them, or has nothing but this one request.
waiting_room::seat* waiting_room::longest_of_one_asker(std::optional<std::size_t> reader) {
  seat* longest = nullptr;
  const waiting_line* asker = nullptr;
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    auto& one = seats_[i];
    if (!one.taken || (reader && i != *reader)) {
      continue;
    }
    if (one.given.empty() || (longest != nullptr && asker != one.given.back().asker)) {
      return nullptr;
    }
    asker = one.given.back().asker;
    longest = longest == nullptr || one.began < longest->began ? &one : longest;
  }
  const auto alone = longest == nullptr || asker->waiting() + asker->running() < 2;
  return alone ? nullptr : longest;
}

void waiting_room::refuse(const waiting_request& one, failure why) {
  room_.give_back(1, one.bytes);
  answer(*one.message, to_error(std::move(why)));
}

} // namespace millrace
