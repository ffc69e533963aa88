#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::storage {

struct log_options {
  std::uint64_t segment_bytes = 16 * 1024 * 1024;
  /// Segments kept for reuse once a checkpoint covers them. At least one, so that recovery works on a full disk.
  std::size_t spare_segments = 2;
};

/// What recovery found and did.
struct recovery_report {
  std::uint64_t last_seq = 0;          ///< The last `seq` in the log, or `applied_seq` where the log ends before it.
  std::uint64_t transactions = 0;      ///< Work in the log above `applied_seq`.
  bool torn_tail = false;              ///< Whether an unfinished frame was set aside and cut off.
  std::vector<std::string> findings{}; ///< A sentence each: damage at or below `applied_seq`, files set aside.
};

} // namespace millrace::storage
