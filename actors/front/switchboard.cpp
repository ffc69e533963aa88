#include "switchboard.hpp"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <utility>

#include <caf/actor_cast.hpp>

namespace millrace {

namespace {

bool put(const caf::actor& to, caf::mailbox_element_ptr& message, caf::execution_unit* host) {
  if (!to) {
    return false;
  }
  caf::actor_cast<caf::abstract_actor*>(to)->enqueue(std::move(message), host);
  return true;
}

switchboard::delivery put_bounded(const caf::actor& to, admission& room, std::size_t bytes, priority urgency,
                                  caf::mailbox_element_ptr& message, caf::execution_unit* host) {
  if (!to) {
    return {};
  }
  if (!room.take(bytes, urgency)) {
    return {.full = &room};
  }
  put(to, message, host);
  return {.done = true};
}

} // namespace

switchboard::switchboard(std::size_t readers, std::shared_ptr<admission> transaction_room, query_bound queries)
  : readers_(readers),
    transaction_room_(std::move(transaction_room)),
    queue_room_(queries.queries_max, queries.bytes_max) {
  for (auto& one : readers_) {
    one.slot = std::make_shared<reader_slot>(queries);
  }
}

void switchboard::connect(const std::string& id, const caf::actor& address) {
  const std::unique_lock lock{mutex_};
  auto& known = children_[id];
  known.address = address;
  known.starts += address ? 1 : 0;
  changed_.notify_all();
  if (id == "queue") {
    queue_ = address;
    // Room is taken under this lock and only for a queue that is there, so none of it belongs to the next one.
    transaction_room_->clear();
    queue_room_.clear();
  } else if (id == "monitor") {
    monitor_ = address;
  }
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (id == reader_id(i)) {
      readers_[i].address = address;
      // What an earlier incarnation had been given was bounced when it ended. Nothing is counted while it is down.
      readers_[i].slot->room.clear();
    }
  }
}

caf::actor switchboard::find(std::string_view id) const {
  const std::shared_lock lock{mutex_};
  const auto found = children_.find(id);
  return found == children_.end() ? caf::actor{} : found->second.address;
}

caf::actor switchboard::wait_for(std::string_view id, std::chrono::milliseconds patience) const {
  std::shared_lock lock{mutex_};
  caf::actor address;
  changed_.wait_for(lock, patience, [&] {
    const auto found = children_.find(id);
    address = found == children_.end() ? caf::actor{} : found->second.address;
    return static_cast<bool>(address);
  });
  return address;
}

std::uint64_t switchboard::restarts(std::string_view id) const {
  const std::shared_lock lock{mutex_};
  const auto found = children_.find(id);
  return found == children_.end() || found->second.starts == 0 ? 0 : found->second.starts - 1;
}

std::map<std::string, caf::actor> switchboard::children() const {
  const std::shared_lock lock{mutex_};
  std::map<std::string, caf::actor> result;
  for (const auto& [id, known] : children_) {
    result.emplace(id, known.address);
  }
  return result;
}

void switchboard::close() {
  // The lock makes sure that whoever saw it open has put his message into the mailbox when this returns.
  const std::unique_lock lock{mutex_};
  closed_ = true;
}

switchboard::delivery switchboard::admit(std::size_t bytes, priority urgency, caf::mailbox_element_ptr& message,
                                         caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return closed_ ? delivery{} : put_bounded(queue_, *transaction_room_, bytes, urgency, message, host);
}

switchboard::delivery switchboard::admit_waiting(std::size_t bytes, caf::mailbox_element_ptr& message,
                                                 caf::execution_unit* host) {
  const std::shared_lock lock{mutex_};
  if (closed_) {
    return {};
  }
  const auto* full = full_reader(bytes);
  return full != nullptr ? delivery{.full = full}
                         : put_bounded(queue_, queue_room_, bytes, priority::bulk, message, host);
}

switchboard::delivery switchboard::admit_reading(std::size_t bytes, priority urgency, caf::mailbox_element_ptr& message,
                                                 caf::execution_unit* host, std::optional<std::uint32_t> preferred) {
  const std::shared_lock lock{mutex_};
  const auto* chosen = choose_reader(bytes, preferred);
  return chosen == nullptr ? delivery{}
                           : put_bounded(chosen->address, chosen->slot->room, bytes, urgency, message, host);
}

bool switchboard::to_queue(caf::mailbox_element_ptr& message, caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return !closed_ && put(queue_, message, host);
}

bool switchboard::to_monitor(caf::mailbox_element_ptr& message, caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return put(monitor_, message, host);
}

caf::actor switchboard::pick_reader(std::size_t bytes) {
  const std::shared_lock lock{mutex_};
  const auto* chosen = choose_reader(bytes, std::nullopt);
  if (chosen == nullptr) {
    return {};
  }
  chosen->slot->room.take_anyway(bytes);
  return chosen->address;
}

const admission* switchboard::readers_full(std::size_t bytes) const {
  const std::shared_lock lock{mutex_};
  return full_reader(bytes);
}

const admission* switchboard::full_reader(std::size_t bytes) const {
  const auto* best = least_busy_reader(bytes, 0);
  return best == nullptr || best->slot->room.has_room(bytes) ? nullptr : &best->slot->room;
}

std::uint64_t switchboard::waiting_queries() const {
  const auto add = [](std::uint64_t sum, const pool_member& one) { return sum + one.slot->room.requests(); };
  return std::accumulate(readers_.begin(), readers_.end(), queue_room_.requests(), add);
}

bool switchboard::queries_nearly_full() const {
  return queue_room_.nearly_full()
         || std::ranges::any_of(readers_, [](const pool_member& one) { return one.slot->room.nearly_full(); });
}

const switchboard::pool_member* switchboard::choose_reader(std::size_t bytes, std::optional<std::uint32_t> preferred) {
  if (closed_) {
    return nullptr;
  }
  const auto there = preferred && *preferred < readers_.size() && readers_[*preferred].address;
  const auto* chosen = there ? &readers_[*preferred]
                             : least_busy_reader(bytes, next_reader_.fetch_add(1, std::memory_order_relaxed));
  if (chosen != nullptr && chosen->slot->room.requests() > 0 && !there) {
    chosen->slot->wait_count.fetch_add(1, std::memory_order_relaxed);
  }
  return chosen;
}

const switchboard::pool_member* switchboard::least_busy_reader(std::size_t bytes, std::size_t first) const {
  const auto load = [bytes](const pool_member& one) {
    return std::pair{!one.slot->room.has_room(bytes), one.slot->room.requests()};
  };
  const pool_member* best = nullptr;
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    const auto& one = readers_[(first + i) % readers_.size()];
    if (one.address && (best == nullptr || load(one) < load(*best))) {
      best = &one;
    }
  }
  return best;
}

pool_health switchboard::pool() const {
  const std::shared_lock lock{mutex_};
  pool_health sum;
  for (const auto& one : readers_) {
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
