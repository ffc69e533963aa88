#include "waiting_room.hpp"

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/base/atoms.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace millrace {

namespace {

/// Between two looks at what waits, so that an answer comes that much after a deadline at most; and as many times what
/// a look took, so that no more than a tenth of the time is spent on it however much waits.
constexpr std::chrono::milliseconds look_interval{20};
constexpr int look_pause = 10;

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
  : room_(for_all(each.queries_max, readers), for_all(each.bytes_max, readers)), seats_(readers) {}

waiting_room::~waiting_room() {
  std::list<waiting_request> all;
  std::ranges::for_each(lines_, [&](waiting_line& one) { one.move_all(all); });
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
      std::ranges::for_each(lines_, [reader](waiting_line& one) { one.release(reader); });
      // Whoever it was woken for must not be left to it.
      woken = waiting() > 0 ? wake(at_rest()) : nullptr;
    } else {
      std::ranges::for_each(lines_, [&](waiting_line& one) { one.move_all(unserved); });
      lines_.clear();
      by_asker_.clear();
      waiting_ = 0;
    }
  }
  tell(woken);
  std::ranges::for_each(unserved, [this](const waiting_request& one) { room_.give_back(1, one.bytes); });
  return unserved;
}

void waiting_room::put(waiting_request one) {
  caf::actor woken;
  {
    const std::lock_guard lock{mutex_};
    if (one.reader && (*one.reader >= seats_.size() || !seats_[*one.reader].taken)) {
      one.reader.reset();
    }
    const auto reader = one.reader;
    line_of(id_of(asker_of(*one.message)))->put(std::move(one));
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
  while (given.size() < part) {
    const auto chosen = choose(reader, may_begin);
    if (chosen == lines_.end()) {
      break;
    }
    chosen->take(reader, may_begin, given);
    mine.given.push_back({chosen, given.back().bytes});
    lines_.splice(lines_.end(), lines_, chosen);
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
      given.back().asker->take_back(unbegun, std::prev(unbegun.end()));
      given.pop_back();
    }
    woken = wake(at_rest());
  }
  tell(woken);
}

void waiting_room::note_answer(const caf::strong_actor_ptr& asker, const caf::message& rows, std::size_t bytes) {
  const std::lock_guard lock{mutex_};
  const auto& line = line_of(id_of(asker));
  line->note_answer(rows, bytes);
  if (line->under_way() > 0) {
    answers_under_way_ = true;
  }
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

waiting_room::lines::iterator waiting_room::line_of(const asker_id& who) {
  const auto [found, fresh] = by_asker_.try_emplace(who);
  if (fresh) {
    found->second = lines_.emplace(lines_.end(), who);
  }
  return found->second;
}

/// No more lines are passed over than readers work for, those whose requests are for other readers, and those whose
/// peers do not read.
waiting_room::lines::iterator waiting_room::choose(std::size_t reader, bool may_begin) {
  auto best = lines_.end();
  for (auto one = lines_.begin(); one != lines_.end(); ++one) {
    const auto sooner = best == lines_.end() || one->running() < best->running();
    if (sooner && one->has_any(reader, may_begin) && one->has_room()) {
      best = one;
      if (best->running() == 0) {
        break;
      }
    }
  }
  return best;
}

void waiting_room::forget_if_empty(lines::iterator one) {
  if (one->empty()) {
    by_asker_.erase(one->who());
    lines_.erase(one);
  }
}

/// What a reader was given is answered.
void waiting_room::end(seat& one, monotonic_time now) {
  const auto made_way = one.yields.exchange(false);
  std::size_t bytes = 0;
  for (const auto& [asker, held] : one.given) {
    bytes += held;
    asker->ended();
    if (made_way) {
      lines_.splice(lines_.end(), lines_, asker); // For those that wait.
    }
    forget_if_empty(asker);
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
  for (auto next = lines_.begin(); next != lines_.end();) {
    const auto current = next++;
    current->move_due(now, into);
    current->has_room(); // Lets go of what has arrived.
    under_way = under_way || current->under_way() > 0;
    forget_if_empty(current);
  }
  answers_under_way_ = under_way;
  waiting_.fetch_sub(into.size(), std::memory_order_relaxed);
}

/// One at a time: whoever waits may be served by then.
void waiting_room::make_way(monotonic_time now) {
  const auto making_way = [](const seat& one) { return one.yields.load(); };
  std::optional<std::size_t> reader;
  for (std::size_t i = 0; i <= seats_.size() && std::ranges::none_of(seats_, making_way); ++i) {
    auto* const longest = longest_of_one_asker(reader);
    const auto waits_too_long = [&](waiting_line& one) {
      return longest != nullptr && &one != &*longest->given.back().asker && one.is_impatient(now, reader)
             && one.has_room();
    };
    if (std::ranges::any_of(lines_, waits_too_long)) {
      longest->yields = true;
    }
    reader = i;
  }
}

/// Of all readers, or of that one alone; null where not one asker has them, or has nothing but this one request.
waiting_room::seat* waiting_room::longest_of_one_asker(std::optional<std::size_t> reader) {
  seat* longest = nullptr;
  auto asker = lines_.end();
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
