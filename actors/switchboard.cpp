#include "switchboard.hpp"

#include <mutex>
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

} // namespace

switchboard::switchboard(std::size_t readers, std::shared_ptr<admission> room)
  : readers_(readers), room_(std::move(room)) {}

void switchboard::connect(const std::string& id, const caf::actor& address) {
  const std::unique_lock lock{mutex_};
  auto& known = children_[id];
  known.address = address;
  known.starts += address ? 1 : 0;
  changed_.notify_all();
  if (id == "queue") {
    queue_ = address;
    // Room is taken under this lock and only for a queue that is there, so none of it belongs to the next one.
    room_->clear();
  } else if (id == "monitor") {
    monitor_ = address;
  }
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (id == reader_id(i)) {
      readers_[i].address = address;
      // What an earlier incarnation had been given was bounced when it ended. Nothing is counted while it is down.
      readers_[i].slot->waiting = 0;
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
  if (closed_ || !queue_) {
    return delivery::absent;
  }
  if (!room_->take(bytes, urgency)) {
    return delivery::no_room;
  }
  put(queue_, message, host);
  return delivery::done;
}

bool switchboard::to_queue(caf::mailbox_element_ptr& message, caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return !closed_ && put(queue_, message, host);
}

bool switchboard::to_monitor(caf::mailbox_element_ptr& message, caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return put(monitor_, message, host);
}

bool switchboard::to_reader(caf::mailbox_element_ptr& message, caf::execution_unit* host,
                            std::optional<std::uint32_t> preferred) {
  const std::shared_lock lock{mutex_};
  auto* chosen = choose_reader(preferred);
  return chosen != nullptr && put(chosen->address, message, host);
}

caf::actor switchboard::pick_reader() {
  const std::shared_lock lock{mutex_};
  auto* chosen = choose_reader(std::nullopt);
  return chosen == nullptr ? caf::actor{} : chosen->address;
}

switchboard::pool_member* switchboard::choose_reader(std::optional<std::uint32_t> preferred) {
  if (closed_) {
    return nullptr;
  }
  const auto there = preferred && *preferred < readers_.size() && readers_[*preferred].address;
  auto* chosen = there ? &readers_[*preferred] : least_busy_reader();
  if (chosen != nullptr && chosen->slot->waiting.fetch_add(1, std::memory_order_relaxed) > 0 && !there) {
    chosen->slot->wait_count.fetch_add(1, std::memory_order_relaxed);
  }
  return chosen;
}

switchboard::pool_member* switchboard::least_busy_reader() {
  const auto count = readers_.size();
  const auto start = next_reader_.fetch_add(1, std::memory_order_relaxed);
  pool_member* best = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    auto& one = readers_[(start + i) % count];
    if (one.address && (best == nullptr || one.slot->waiting.load() < best->slot->waiting.load())) {
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
    sum.in_use += one.address && one.slot->waiting.load() > 0 ? 1 : 0;
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
