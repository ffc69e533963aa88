#pragma once

#include "admission.hpp"

#include <millrace/messages/health.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor.hpp>

namespace millrace {

/// How many queries may wait for one reader, and as many for the queue, with how many bytes.
struct query_bound {
  std::uint64_t queries_max = 0;
  std::uint64_t bytes_max = 0;
};

/// What one reader is doing, shared with that reader.
struct reader_slot {
  explicit reader_slot(query_bound most) : room(most.queries_max, most.bytes_max) {}

  admission room; ///< Requests it has been given and not answered; those that it answers together leave together.
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> wait_count{0};
  std::atomic<std::uint64_t> wait_us{0};
  std::atomic<std::uint64_t> cursors{0}; ///< Results that it keeps ready for their next page.
  std::atomic<std::uint64_t> recycled{0};
  std::atomic<std::uint64_t> leases_ended{0};
};

/// Which reader a request goes to. Addresses belong to the address book: its lock is held, shared by those who look,
/// alone by who changes them. Counters: any thread.
class reader_pool {
public:
  struct member {
    caf::actor address; ///< Null while it is down.
    std::shared_ptr<reader_slot> slot;
  };

  reader_pool(std::size_t readers, query_bound queries);

  /// Takes a new address where the id is a reader's. What an earlier incarnation held of its bound is free again: its
  /// requests were answered when it ended.
  void connect(std::string_view id, const caf::actor& address);

  /// The reader with the `preferred` place, from 0; where that is down or none is preferred, the next in turn among
  /// those that have least to do. One without room comes last. Null where all are down.
  const member* choose(std::size_t bytes, std::optional<std::uint32_t> preferred);

  /// Whose bound so many bytes more would break, where no reader has room for them; else null.
  const admission* full(std::size_t bytes) const;

  /// Requests that are not answered.
  std::uint64_t waiting() const;
  bool nearly_full() const;
  pool_health health() const;

  const std::shared_ptr<reader_slot>& slot(std::size_t reader) const { return members_[reader].slot; }

  /// `"reader-1"` for the first.
  static std::string id(std::size_t reader) { return "reader-" + std::to_string(reader + 1); }

private:
  const member* least_busy(std::size_t bytes, std::size_t first) const;

  std::vector<member> members_;
  std::atomic<std::size_t> next_{0};
};

} // namespace millrace
