#pragma once

#include "log.hpp"
#include "segment.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace millrace::storage {

/// What of a log is synced and in use; the log keeps it up to date, its cursors look at it.
struct log_extent {
  queue_folder folder;
  std::vector<segment_entry> segments; ///< Oldest first; the last one is being appended to.
  std::uint64_t active_end = 0;        ///< Where the synced frames of the last segment end.
  std::uint64_t last_seq = 0;          ///< The last `seq` that is synced.
};

/// A cursor from `seq` on. `extent` outlives it. `file_not_found` where the segment of `seq` was released.
[[nodiscard]] result<std::unique_ptr<log_cursor>> make_cursor(const log_extent& extent, std::uint64_t seq);

} // namespace millrace::storage
