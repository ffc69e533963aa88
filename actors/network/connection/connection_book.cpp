#include "connection_book.hpp"

#include "connection.hpp"

#include <millrace/actors/base/logger.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace millrace::network {

std::size_t connection_book::open() const {
  const std::lock_guard lock{mutex_};
  return admitted_;
}

void connection_book::refuse(refusal why, const std::string& peer, std::string_view detail) {
  refused_.add(why);
  if (why == refusal::named_receiver || why == refusal::unpublished_receiver) {
    return; // Every stock node asks after services of ours, and watches the actors that answered it.
  }
  std::uint64_t left_out = 0;
  {
    const std::lock_guard lock{mutex_};
    if (closes(why)) {
      last_closing_ = {why, std::string{detail}};
    }
    if (!lines_.take(std::chrono::steady_clock::now())) {
      ++lines_left_out_;
      return;
    }
    left_out = std::exchange(lines_left_out_, 0);
  }
  if (left_out > 0) {
    logger()->warn("{} more refusals were not logged", left_out);
  }
  logger()->warn("{}: {}", peer, closing{why, std::string{detail}}.words());
}

std::string connection_book::closing::words() const {
  return fmt::format("{} ({}{}{})", sentence_of(why), name_of(why), detail.empty() ? "" : ", ", detail);
}

connection_book::closing connection_book::last_closing() const {
  const std::lock_guard lock{mutex_};
  return last_closing_;
}

refusal connection_book::admit(const std::string& address) {
  const std::lock_guard lock{mutex_};
  last_closing_ = {};
  if (admitted_ >= limits_.connections_max) {
    return refusal::too_many_connections;
  }
  auto& from_there = per_address_[address];
  if (from_there >= limits_.connections_per_address_max) {
    return refusal::too_many_from_address;
  }
  ++from_there;
  ++admitted_;
  accepted_.fetch_add(1, std::memory_order_relaxed);
  return refusal::none;
}

void connection_book::enter(connection& one) {
  const std::lock_guard lock{mutex_};
  connections_.insert(&one);
}

void connection_book::leave(connection& one, const std::string& address) {
  {
    const std::lock_guard lock{mutex_};
    connections_.erase(&one);
  }
  leave(address);
}

void connection_book::leave(const std::string& address) {
  const std::lock_guard lock{mutex_};
  --admitted_;
  const auto found = per_address_.find(address);
  if (found != per_address_.end() && --found->second == 0) {
    per_address_.erase(found);
  }
}

void connection_book::introduce(const node_bytes& peer, const std::string& identity) {
  const std::lock_guard lock{mutex_};
  nodes_[peer].identity = identity;
}

void connection_book::forget(const node_bytes& peer) {
  {
    const std::lock_guard lock{mutex_};
    const auto found = nodes_.find(peer);
    if (found == nodes_.end()) {
      return;
    }
    versions_refused_ -= found->second.version_refused ? 1 : 0;
    nodes_.erase(found);
  }
  if (gone_) {
    gone_(peer);
  }
}

void connection_book::refuse_version(const node_bytes& node, const failure& why, std::string_view detail) {
  std::string identity = "a program";
  {
    const std::lock_guard lock{mutex_};
    if (const auto found = nodes_.find(node); found != nodes_.end()) {
      auto& known = found->second;
      identity = known.identity;
      versions_refused_ += known.version_refused ? 0 : 1;
      known.version_refused = why;
    }
  }
  refuse(refusal::wire_version, identity, detail);
}

std::optional<failure> connection_book::version_refused(const node_bytes& node) const {
  const std::lock_guard lock{mutex_};
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? std::nullopt : found->second.version_refused;
}

bool connection_book::count_actors(std::size_t before, std::size_t now) {
  const std::lock_guard lock{mutex_};
  const auto all = actors_ - before + now;
  if (now > before && now > limits_.actors_always && all > limits_.actors_max) {
    return false;
  }
  actors_ = all;
  return true;
}

std::size_t connection_book::room_to_send(std::size_t unsent) const noexcept {
  const auto left = [](std::size_t all, std::size_t taken) { return all - std::min(all, taken); };
  const auto of_all = left(limits_.unread_bytes_total_max,
                           static_cast<std::size_t>(unsent_.load(std::memory_order_relaxed)));
  return std::min(left(limits_.unread_bytes_max, unsent), std::max(of_all, left(limits_.unread_bytes_always, unsent)));
}

void connection_book::sweep(time_point now) {
  // One that is refused logs, which takes the mutex; it leaves only when CAF lets go of it, in this thread.
  std::set<connection*> all;
  {
    const std::lock_guard lock{mutex_};
    all = connections_;
  }
  for (auto* one : all) {
    one->sweep(now);
  }
}

bool connection_book::writing() const {
  const std::lock_guard lock{mutex_};
  return std::ranges::any_of(connections_, [](const connection* one) { return one->writing(); });
}

void connection_book::end_all() {
  std::set<connection*> all;
  {
    const std::lock_guard lock{mutex_};
    all = connections_;
  }
  for (auto* one : all) {
    one->end();
  }
}

} // namespace millrace::network
