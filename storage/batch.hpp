#pragma once

#include <millrace/messages/transaction.hpp>

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace millrace::storage {

/// What one sequence number stands for.
using work = std::variant<transaction, schema_script>;

/// What one frame of the write-ahead queue holds: consecutive work, accepted at one time and synced together.
struct batch {
  std::uint64_t first_seq = 0;
  /// Milliseconds since 1970-01-01 UTC; `'now'` for every statement in it (DESIGN §6).
  std::int64_t accept_time_ms = 0;
  std::vector<work> items;

  std::uint64_t last_seq() const noexcept { return first_seq + items.size() - 1; }
};

/// Shared between the queue, which may have to send it again, and the writer.
using batch_ptr = std::shared_ptr<const batch>;

} // namespace millrace::storage
