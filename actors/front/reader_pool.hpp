#pragma once

#include "admission.hpp"
#include "waiting_room.hpp"

#include <millrace/messages/health.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor.hpp>

namespace millrace {

/// What one reader is doing, shared with that reader.
struct reader_slot {
  explicit reader_slot(query_bound most) : room(most.queries_max, most.bytes_max) {}

  admission room; ///< What it has been sent and not answered; requests for rows wait elsewhere.
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> wait_us{0};
  std::atomic<std::uint64_t> cursors{0}; ///< Results that it keeps ready for their next page.
  std::atomic<std::uint64_t> recycled{0};
  std::atomic<std::uint64_t> leases_ended{0};
};

/// The readers, and what waits for them. Addresses belong to the address book: its lock is held, shared by those who
/// look, alone by who changes them. Counters: any thread.
class reader_pool {
public:
  struct member {
    caf::actor address; ///< Null while it is down.
    std::shared_ptr<reader_slot> slot;
  };

  reader_pool(std::size_t readers, query_bound queries);

  /// Takes a new address where the id is a reader's. What an earlier incarnation held of its bound is free again: its
  /// requests were answered when it ended. Gives those to be answered by the caller, without any lock, since no reader
  /// is there any more.
  [[nodiscard]] std::list<waiting_request> connect(std::string_view id, const caf::actor& address);

  /// The next reader in turn among those that have least to do, for what it is to be sent. Null where all are down.
  const member* choose();
  /// Whose bound one more would break, where no reader has room for what it is sent; else null.
  const admission* full() const;

  bool any() const;

  /// Requests that are not answered.
  std::uint64_t waiting() const;
  bool nearly_full() const;
  pool_health health() const;

  const std::shared_ptr<waiting_room>& waiting_requests() const noexcept { return waiting_room_; }
  const std::shared_ptr<reader_slot>& slot(std::size_t reader) const { return members_[reader].slot; }

  /// `"reader-1"` for the first.
  static std::string id(std::size_t reader) { return "reader-" + std::to_string(reader + 1); }

private:
  const member* least_busy(std::size_t first) const;
  bool busy(std::size_t reader) const;

  std::vector<member> members_;
  std::shared_ptr<waiting_room> waiting_room_;
  std::atomic<std::size_t> next_{0};
};

} // namespace millrace
