#pragma once

#include "log.hpp"
#include "segment.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::storage {

/// What a queue folder holds, as recovery found and left it.
struct recovered_queue {
  std::vector<std::string> names;      ///< All files, as they were listed.
  std::vector<segment_entry> segments; ///< Oldest first.
  std::uint64_t last_seq = 0;
  std::uint64_t witnessed = 0; ///< What the log itself says is synced.
  std::uint64_t chain = 0;     ///< The checksum of the last frame.
  std::optional<segment_header> newest;
  std::uint64_t newest_end = 0; ///< Where the frames of the newest segment end.
};

/// Reads a queue folder and decides about every byte that is not as it should be (storage/DESIGN.md §2 rule 4).
/// Streams: memory is bounded by one segment's window and one frame. Changes nothing unless all acknowledged work is
/// there. Then it cuts off a torn tail and syncs what it read, so that whoever builds on it builds on synced ground.
/// `visit` is told of unapplied work as it is read, before it is known whether recovery succeeds.
[[nodiscard]] result<recovered_queue> recover(const queue_folder& folder, const log_position& applied,
                                              recovery_report& report, const log::visitor& visit);

} // namespace millrace::storage
