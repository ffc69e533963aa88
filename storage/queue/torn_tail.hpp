#pragma once

#include "segment.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::storage {

/// An unfinished frame at the end of the newest segment. Nothing in it was acknowledged.
struct torn_tail {
  std::uint64_t first_seq = 0; ///< Of the segment.
  std::uint64_t offset = 0;    ///< Where it begins.
  std::uint64_t end = 0;       ///< Where the segment ends.
  std::uint64_t seq = 0;       ///< The first `seq` that it would have held.
};

/// Keeps a copy of a torn tail as `<segment>.torn-<n>` (of at most 1 MiB, and of the newest eight tails), overwrites it
/// with zeroes and syncs. Gives a sentence about it for the recovery report. A copy that finds no room on the disk is
/// given up; the tail is cut all the same.
[[nodiscard]] result<std::string> cut_torn_tail(const queue_folder& folder, const std::vector<std::string>& names,
                                                const torn_tail& tail);

} // namespace millrace::storage
