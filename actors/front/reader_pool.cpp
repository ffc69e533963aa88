#include "reader_pool.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace millrace {

reader_pool::reader_pool(std::size_t readers, query_bound queries) : members_(readers) {
  for (auto& one : members_) {
    one.slot = std::make_shared<reader_slot>(queries);
  }
}

void reader_pool::connect(std::string_view id, const caf::actor& address) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (id == reader_pool::id(i)) {
      members_[i].address = address;
      // What an earlier incarnation had been given was bounced when it ended. Nothing is counted while it is down.
      members_[i].slot->room.clear();
    }
  }
}

const reader_pool::member* reader_pool::choose(std::size_t bytes, std::optional<std::uint32_t> preferred) {
  const auto there = preferred && *preferred < members_.size() && members_[*preferred].address;
  const auto* chosen = there ? &members_[*preferred] : least_busy(bytes, next_.fetch_add(1, std::memory_order_relaxed));
  if (chosen != nullptr && chosen->slot->room.requests() > 0 && !there) {
    chosen->slot->wait_count.fetch_add(1, std::memory_order_relaxed);
  }
  return chosen;
}

const reader_pool::member* reader_pool::least_busy(std::size_t bytes, std::size_t first) const {
  const auto load = [bytes](const member& one) {
    return std::pair{!one.slot->room.has_room(bytes), one.slot->room.requests()};
  };
  const member* best = nullptr;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& one = members_[(first + i) % members_.size()];
    if (one.address && (best == nullptr || load(one) < load(*best))) {
      best = &one;
    }
  }
  return best;
}

const admission* reader_pool::full(std::size_t bytes) const {
  const auto* best = least_busy(bytes, 0);
  return best == nullptr || best->slot->room.has_room(bytes) ? nullptr : &best->slot->room;
}

std::uint64_t reader_pool::waiting() const {
  const auto add = [](std::uint64_t sum, const member& one) { return sum + one.slot->room.requests(); };
  return std::accumulate(members_.begin(), members_.end(), std::uint64_t{0}, add);
}

bool reader_pool::nearly_full() const {
  return std::ranges::any_of(members_, [](const member& one) { return one.slot->room.nearly_full(); });
}

pool_health reader_pool::health() const {
  pool_health sum;
  for (const auto& one : members_) {
    sum.open += one.address ? 1 : 0;
    sum.in_use += one.address && one.slot->room.requests() > 0 ? 1 : 0;
    sum.queries += one.slot->answered.load();
    sum.wait_count += one.slot->wait_count.load();
    sum.wait_us += one.slot->wait_us.load();
    sum.cursors += one.slot->cursors.load();
    sum.recycled += one.slot->recycled.load();
    sum.leases_ended += one.slot->leases_ended.load();
  }
  sum.idle = sum.open - sum.in_use;
  return sum;
}

} // namespace millrace
