#include "reader_pool.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

namespace millrace {

reader_pool::reader_pool(std::size_t readers, query_bound queries)
  : members_(readers), waiting_room_(std::make_shared<waiting_room>(readers, queries)) {
  for (auto& one : members_) {
    one.slot = std::make_shared<reader_slot>(queries);
  }
}

std::list<waiting_request> reader_pool::connect(std::string_view id, const caf::actor& address) {
  const auto is_meant = [&](const member& one) {
    return id == reader_pool::id(static_cast<std::size_t>(&one - members_.data()));
  };
  const auto found = std::ranges::find_if(members_, is_meant);
  if (found == members_.end()) {
    return {};
  }
  const auto reader = static_cast<std::size_t>(found - members_.begin());
  found->address = address;
  // What an earlier incarnation had been sent was bounced when it ended. Nothing is counted while it is down.
  found->slot->room.clear();
  if (!address) {
    return waiting_room_->leave(reader);
  }
  waiting_room_->enter(reader, address);
  return {};
}

const reader_pool::member* reader_pool::choose() {
  return least_busy(next_.fetch_add(1, std::memory_order_relaxed));
}

const reader_pool::member* reader_pool::least_busy(std::size_t first) const {
  const auto load = [this](std::size_t reader) {
    const auto& room = members_[reader].slot->room;
    return std::tuple{!room.has_room(0), room.requests(), waiting_room_->is_awake(reader)};
  };
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto reader = (first + i) % members_.size();
    if (members_[reader].address && (!best || load(reader) < load(*best))) {
      best = reader;
    }
  }
  return best ? &members_[*best] : nullptr;
}

const admission* reader_pool::full() const {
  const auto* best = least_busy(0);
  return best == nullptr || best->slot->room.has_room(0) ? nullptr : &best->slot->room;
}

bool reader_pool::any() const {
  return std::ranges::any_of(members_, [](const member& one) { return static_cast<bool>(one.address); });
}

bool reader_pool::busy(std::size_t reader) const {
  return members_[reader].slot->room.requests() > 0 || waiting_room_->is_awake(reader);
}

std::uint64_t reader_pool::waiting() const {
  const auto add = [](std::uint64_t sum, const member& one) { return sum + one.slot->room.requests(); };
  return std::accumulate(members_.begin(), members_.end(), waiting_room_->room().requests(), add);
}

bool reader_pool::nearly_full() const {
  return waiting_room_->room().nearly_full()
         || std::ranges::any_of(members_, [](const member& one) { return one.slot->room.nearly_full(); });
}

pool_health reader_pool::health() const {
  pool_health sum;
  sum.queries = waiting_room_->expired();
  sum.wait_count = waiting_room_->wait_count();
  sum.wait_us = waiting_room_->expired_wait_us();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& one = members_[i];
    sum.open += one.address ? 1 : 0;
    sum.in_use += one.address && busy(i) ? 1 : 0;
    sum.queries += one.slot->answered.load();
    sum.wait_us += one.slot->wait_us.load();
    sum.cursors += one.slot->cursors.load();
    sum.recycled += one.slot->recycled.load();
    sum.leases_ended += one.slot->leases_ended.load();
  }
  sum.idle = sum.open - sum.in_use;
  return sum;
}

} // namespace millrace
