#include "address_book.hpp"

#include "forward.hpp"

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

address_book::delivery put_bounded(const caf::actor& to, admission& room, std::size_t bytes, priority urgency,
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

address_book::address_book(std::size_t readers, std::shared_ptr<admission> transaction_room, query_bound queries)
  : transaction_room_(std::move(transaction_room)),
    readers_(readers, queries),
    queue_room_(queries.queries_max, queries.bytes_max) {}

void address_book::connect(const std::string& id, const caf::actor& address) {
  // An answer may run code of a client's, who may ask again in it.
  for (const auto& one : note(id, address)) {
    refuse_absent(*one.message, *this, "every reader");
  }
}

std::list<waiting_request> address_book::note(const std::string& id, const caf::actor& address) {
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
  } else if (id == "writer") {
    writer_ = address;
  } else if (id == "monitor") {
    monitor_ = address;
  }
  return readers_.connect(id, address);
}

caf::actor address_book::find(std::string_view id) const {
  const std::shared_lock lock{mutex_};
  const auto found = children_.find(id);
  return found == children_.end() ? caf::actor{} : found->second.address;
}

caf::actor address_book::wait_for(std::string_view id, std::chrono::milliseconds patience) const {
  std::shared_lock lock{mutex_};
  caf::actor address;
  changed_.wait_for(lock, patience, [&] {
    const auto found = children_.find(id);
    address = found == children_.end() ? caf::actor{} : found->second.address;
    return static_cast<bool>(address);
  });
  return address;
}

std::uint64_t address_book::restarts(std::string_view id) const {
  const std::shared_lock lock{mutex_};
  const auto found = children_.find(id);
  return found == children_.end() || found->second.starts == 0 ? 0 : found->second.starts - 1;
}

std::map<std::string, caf::actor> address_book::children() const {
  const std::shared_lock lock{mutex_};
  std::map<std::string, caf::actor> result;
  for (const auto& [id, known] : children_) {
    result.emplace(id, known.address);
  }
  return result;
}

void address_book::close() {
  // The lock makes sure that whoever saw it open has put his message into the mailbox when this returns.
  const std::unique_lock lock{mutex_};
  closed_ = true;
}

address_book::delivery address_book::admit(std::size_t bytes, priority urgency, caf::mailbox_element_ptr& message,
                                           caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return closed_ ? delivery{} : put_bounded(queue_, *transaction_room_, bytes, urgency, message, host);
}

address_book::delivery address_book::admit_waiting(std::size_t bytes, caf::mailbox_element_ptr& message,
                                                   caf::execution_unit* host) {
  const std::shared_lock lock{mutex_};
  if (closed_) {
    return {};
  }
  const auto& readers_room = readers_.waiting_requests()->room();
  return readers_room.has_room(bytes) ? put_bounded(queue_, queue_room_, bytes, priority::bulk, message, host)
                                      : delivery{.full = &readers_room};
}

address_book::delivery address_book::admit_reading(waiting_request& request) {
  const std::shared_lock lock{mutex_};
  if (closed_ || !readers_.any()) {
    return {};
  }
  auto& waiting = *readers_.waiting_requests();
  if (!waiting.room().take(request.bytes)) {
    return {.full = &waiting.room()};
  }
  waiting.put(std::move(request));
  return {.done = true};
}

bool address_book::pass_on(waiting_request& request) {
  const std::shared_lock lock{mutex_};
  const auto open = !closed_ && readers_.any();
  if (open) {
    readers_.waiting_requests()->room().take_anyway(request.bytes);
    readers_.waiting_requests()->put(std::move(request));
  }
  return open;
}

address_book::delivery address_book::admit_lookup(priority urgency, caf::mailbox_element_ptr& message,
                                                  caf::execution_unit* host) {
  const std::shared_lock lock{mutex_};
  const auto* chosen = closed_ ? nullptr : readers_.choose();
  return chosen == nullptr ? delivery{} : put_bounded(chosen->address, chosen->slot->room, 0, urgency, message, host);
}

bool address_book::to_queue(caf::mailbox_element_ptr& message, caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return !closed_ && put(queue_, message, host);
}

bool address_book::to_writer(caf::mailbox_element_ptr& message, caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return !closed_ && put(writer_, message, host);
}

bool address_book::to_monitor(caf::mailbox_element_ptr& message, caf::execution_unit* host) const {
  const std::shared_lock lock{mutex_};
  return put(monitor_, message, host);
}

caf::actor address_book::pick_reader() {
  const std::shared_lock lock{mutex_};
  const auto* chosen = closed_ ? nullptr : readers_.choose();
  if (chosen == nullptr) {
    return {};
  }
  chosen->slot->room.take_anyway(0);
  return chosen->address;
}

const admission* address_book::readers_full() const {
  const std::shared_lock lock{mutex_};
  return readers_.full();
}

std::uint64_t address_book::waiting_queries() const {
  return queue_room_.requests() + readers_.waiting();
}

bool address_book::queries_nearly_full() const {
  return queue_room_.nearly_full() || readers_.nearly_full();
}

pool_health address_book::pool() const {
  const std::shared_lock lock{mutex_};
  return readers_.health();
}

} // namespace millrace
