#pragma once

#include "segment.hpp"

#include <millrace/storage/work.hpp>

#include <span>

namespace millrace::storage {

/// Whether a log holds another frame at a position than the one that was applied there. False where it cannot be told:
/// nothing is known of the frame, it was released, or it is damaged. Reads one segment at most.
[[nodiscard]] result<bool> holds_another_frame(const queue_folder& folder, std::span<const segment_entry> segments,
                                               const log_position& applied);

} // namespace millrace::storage
