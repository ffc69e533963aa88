#pragma once

#include <millrace/storage/queue/log.hpp>
#include <millrace/tests/support/disks/memory_file_system.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace millrace::test {

/// A frame as it stands in a segment.
struct placed_frame {
  std::size_t offset = 0;
  std::size_t end = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t next_seq = 0;
};

struct placed_segment {
  std::filesystem::path path;
  std::uint64_t first_seq = 0;
  std::vector<placed_frame> frames;
  std::size_t frames_end = 0;
  std::size_t bytes = 0;
};

/// A queue of more than 64 KiB in segments of 16 KiB, some of them recycled, with every kind of work in it.
struct rotting_queue {
  memory_file_system disk;
  std::vector<placed_segment> segments;
  std::uint64_t first = 1; ///< The first `seq` that was not released.
  std::uint64_t last = 0;

  explicit rotting_queue(bool with_witness);
};

/// What may become of a queue in which something is damaged.
struct permitted {
  bool opening = true;        ///< That it opens.
  bool refusing = false;      ///< That it is refused as `corrupt`, and `at` and `file` are named.
  std::uint64_t at = 0;       ///< 0: any `seq` that is not applied.
  std::filesystem::path file; ///< The damaged one.
  std::uint64_t last_min = 0; ///< What is acknowledged up to here is served.
  bool finding = false;       ///< Whether opening must report something.
};

/// What storage/DESIGN.md §2 rule 4 demands where the byte at `offset` is wrong.
permitted after_flip(const rotting_queue& queue, const placed_segment& segment, std::size_t offset,
                     std::uint64_t applied);

/// The same where the file ends at `size`.
permitted after_cut(const rotting_queue& queue, const placed_segment& segment, std::size_t size, std::uint64_t applied);

enum class came_to { unharmed, reported, refused };

/// Opens the damaged queue and throws a sentence where something is not as permitted. Where it is `thorough` it also
/// looks whether a refusal left all as it was, reads back, opens the queue again and appends to it.
came_to recover_damaged(memory_file_system& disk, const rotting_queue& before, std::uint64_t applied,
                        const permitted& allowed, bool thorough);

} // namespace millrace::test
