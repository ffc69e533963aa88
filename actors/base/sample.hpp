#pragma once

#include "atoms.hpp"

#include <millrace/messages/wire/registry.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>

namespace millrace {

/// What an actor tells the health monitor of itself.
struct sample {
  latency_summary latency;
  std::optional<failure> blocked; ///< Why it cannot do its work now.
  std::chrono::milliseconds blocked_for{0};
  std::uint64_t durable_seq = 0; ///< Queue only, as are the next six.
  std::uint64_t applied_seq = 0;
  std::uint64_t checkpointed_seq = 0;
  std::uint64_t replay_end = 0; ///< The last `seq` that stood in the log when the queue began.
  std::uint64_t log_bytes = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t tried_seq = 0; ///< What the writer runs; 0 where that is nothing.
  std::uint64_t wal_pages = 0; ///< Writer only, as is the next one.
  std::uint64_t foreign_commits = 0;
  std::uint64_t scrubs = 0; ///< Scrubber only.
};

/// Every supervised actor answers what the health monitor asks.
using sampled = caf::replies_to<atom::sample>::with<sample>;

} // namespace millrace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::sample)
