#include "waiting_line.hpp"

#include <millrace/actors/base/answer.hpp>

#include <algorithm>

#include <caf/actor_system.hpp>

namespace millrace {

namespace {

/// How long an asker has to wait while another one's requests hold all readers: a second, since most queries that are
/// under way are over by then and need not be given up; less for who has less time, so that half of that is left.
constexpr std::chrono::milliseconds patience_max{1'000};
constexpr std::chrono::milliseconds patience_min{100};

/// An answer below this is not looked for on its way to the connection.
constexpr std::size_t small_answer_bytes = 64 * 1024;

bool impatient(const waiting_request& one, monotonic_time now) noexcept {
  const auto waited = now - one.since;
  const auto half_over = waited >= (one.deadline - now);
  return waited >= patience_max || (waited >= patience_min && half_over);
}

/// Gives how many there were.
template <class Wanted>
std::size_t move_if(std::list<waiting_request>& from, const Wanted& wanted, std::list<waiting_request>& into) {
  std::size_t moved = 0;
  for (auto next = from.begin(); next != from.end();) {
    const auto current = next++;
    if (wanted(*current)) {
      into.splice(into.end(), from, current);
      ++moved;
    }
  }
  return moved;
}

} // namespace

asker_id id_of(const caf::strong_actor_ptr& asker) {
  if (!asker) {
    return {};
  }
  const auto here = asker->node() == asker->home_system->node();
  return here ? asker_id{.actor = asker->id()} : asker_id{.node = asker->node()};
}

waiting_line::waiting_line(const asker_id& who) : peer_(peer_rooms::find(who)) {}

bool waiting_line::has_room() {
  if (!peer_) {
    return true;
  }
  while (!under_way_.empty() && under_way_.front().rows.cvals()->unique()) {
    under_way_bytes_ -= under_way_.front().bytes;
    under_way_.pop_front();
  }
  const auto expected = peer_->expected_bytes();
  const auto taken = running_ * expected + under_way_bytes_;
  return (taken == 0 && peer_->keeps_up()) || taken + expected <= peer_->bytes();
}

void waiting_line::note_answer(const caf::message& rows, std::size_t bytes) {
  if (!peer_) {
    return;
  }
  peer_->note_answer(bytes);
  if (bytes > small_answer_bytes) {
    under_way_.push_back({rows, bytes});
    under_way_bytes_ += bytes;
  }
}

waiting_line::requests& waiting_line::line_of(std::optional<std::size_t> reader) {
  if (!reader) {
    return anywhere_;
  }
  if (apart_.size() <= *reader) {
    apart_.resize(*reader + 1);
  }
  return apart_[*reader];
}

void waiting_line::put(requests ones) {
  waiting_ += ones.size();
  auto& line = line_of(ones.front().reader);
  line.splice(line.end(), ones);
}

/// What waits for that reader alone; null where that is nothing.
const waiting_line::requests* waiting_line::line_for(std::size_t reader) const noexcept {
  return reader < apart_.size() && !apart_[reader].empty() ? &apart_[reader] : nullptr;
}

bool waiting_line::has_any(std::size_t reader, bool may_begin) const noexcept {
  return line_for(reader) != nullptr || (may_begin && !anywhere_.empty());
}

void waiting_line::take(std::size_t reader, bool may_begin, std::list<waiting_request>& into) {
  const auto* const apart = line_for(reader);
  const auto from_apart = apart != nullptr
                          && (!may_begin || anywhere_.empty() || apart->front().since < anywhere_.front().since);
  auto& line = from_apart ? apart_[reader] : anywhere_;
  into.splice(into.end(), line, line.begin());
  into.back().peer = peer_;
  --waiting_;
  ++running_;
}

void waiting_line::take_back(std::list<waiting_request>& from, std::list<waiting_request>::iterator one) {
  auto& line = line_of(one->reader);
  line.splice(line.begin(), from, one);
  ++waiting_;
  --running_;
}

void waiting_line::release(std::size_t reader) {
  if (line_for(reader) != nullptr) {
    std::ranges::for_each(apart_[reader], [](waiting_request& one) { one.reader.reset(); });
    anywhere_.splice(anywhere_.end(), apart_[reader]);
  }
}

void waiting_line::move_due(monotonic_time now, std::list<waiting_request>& into) {
  const auto due = [now](const waiting_request& one) { return now > one.deadline || is_gone(asker_of(*one.message)); };
  waiting_ -= move_if(anywhere_, due, into);
  std::ranges::for_each(apart_, [&](requests& one) { waiting_ -= move_if(one, due, into); });
}

void waiting_line::move_all(std::list<waiting_request>& into) {
  into.splice(into.end(), anywhere_);
  std::ranges::for_each(apart_, [&](requests& one) { into.splice(into.end(), one); });
  waiting_ = 0;
}

bool waiting_line::is_impatient(monotonic_time now, std::optional<std::size_t> reader) const noexcept {
  const auto* const line = reader ? line_for(*reader) : &anywhere_;
  return line != nullptr
         && std::ranges::any_of(*line, [now](const waiting_request& one) { return impatient(one, now); });
}

} // namespace millrace
