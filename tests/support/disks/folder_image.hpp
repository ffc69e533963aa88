#pragma once

#include "memory_file_system.hpp"

#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/queue/format.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// The folder of a queue as few bytes, so that a fuzzer meets its headers and frames often:
///
/// - one byte: how far the work is applied;
/// - per file one byte that names it, a varint length, and so many bytes. Of a file that begins with a header block,
///   only its two headers and what follows the block stand here, without the zeroes at its end, which it has as far as
///   its header says, unless that is far; any other one is shorter than two headers.
namespace millrace::test {

inline const uuid image_database{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
inline const std::filesystem::path image_path{"/data/queue"};

inline constexpr std::size_t image_headers_bytes = 2 * storage::segment_header_bytes;

/// Up to here a file's byte is the first `seq` in a segment's name.
inline constexpr std::uint8_t image_segments = 200;
inline constexpr std::uint8_t image_last_segment = 251; ///< The largest name that a segment can have.
inline constexpr std::uint8_t image_spare = 252;
inline constexpr std::uint8_t image_half_made = 253;
inline constexpr std::uint8_t image_torn = 254;
inline constexpr std::uint8_t image_other = 255;

/// Where a header says how large its file is (storage/queue/README.md).
inline constexpr std::size_t image_capacity_at = 64;
/// Beyond this a file is not filled up, and so is one that was cut short.
inline constexpr std::uint64_t image_capacity_max = 16 * 1024;

inline std::string image_file_name(std::uint8_t what, std::size_t index) {
  switch (what) {
    case image_last_segment:
      return storage::segment_name(UINT64_MAX);
    case image_spare:
      return storage::spare_name(index);
    case image_half_made:
      return storage::segment_name(index) + std::string{storage::temporary_suffix};
    case image_torn:
      return storage::segment_name(1) + ".torn-" + std::to_string(index);
    case image_other:
      return "notes.txt";
    default:
      return storage::segment_name(what);
  }
}

inline std::string unpacked(std::string_view packed) {
  if (packed.size() < image_headers_bytes) {
    return std::string{packed};
  }
  std::string bytes(storage::header_block_bytes, '\0');
  bytes.replace(0, storage::segment_header_bytes, packed, 0, storage::segment_header_bytes);
  bytes.replace(storage::header_copy_at, storage::segment_header_bytes, packed, storage::segment_header_bytes,
                storage::segment_header_bytes);
  bytes.append(packed.substr(image_headers_bytes));
  const auto capacity = storage::load<std::uint64_t>(packed.data() + image_capacity_at);
  if (capacity <= image_capacity_max) {
    bytes.resize(std::max<std::size_t>(bytes.size(), capacity));
  }
  return bytes;
}

/// Without the zeroes at the end.
inline std::string packed(std::string_view bytes) {
  auto kept = std::string{bytes.substr(0, storage::segment_header_bytes)}
              + std::string{bytes.substr(storage::header_copy_at, storage::segment_header_bytes)}
              + std::string{bytes.substr(storage::header_block_bytes)};
  const auto end = kept.find_last_not_of('\0') + 1;
  kept.resize(std::max(image_headers_bytes, (end + 7) / 8 * 8));
  return kept;
}

struct image_file {
  std::uint8_t what = 0;
  std::string_view packed;
};

/// The files that an image speaks of, up to where it is none.
inline std::vector<image_file> image_files(std::string_view image) {
  std::vector<image_file> files;
  storage::byte_reader in{image.substr(std::min<std::size_t>(1, image.size()))};
  while (in.left() > 0) {
    const auto what = in.byte();
    const auto bytes = in.text(in.left());
    if (!in.ok()) {
      break;
    }
    files.push_back({what, bytes});
  }
  return files;
}

} // namespace millrace::test
