#pragma once

#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/base/result.hpp>
#include <millrace/storage/codec/codec.hpp>
#include <millrace/storage/database.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

/// The bytes of the write-ahead queue, format version 3 (README.md has the tables).
namespace millrace::storage {

/// What is written; every version up to it is read.
inline constexpr std::uint32_t log_format_version = 3;
inline constexpr std::size_t segment_header_bytes = 80;
/// The block that holds the header twice; frames begin after it.
inline constexpr std::size_t header_block_bytes = 4096;
inline constexpr std::size_t header_copy_at = 2048;
inline constexpr std::size_t frame_header_bytes = 56;
inline constexpr std::size_t frame_alignment = 8;
inline constexpr std::uint32_t frame_bytes_max = 1u << 30;

/// What a segment says about itself.
struct segment_header {
  std::uint32_t version = log_format_version;
  uuid database{};
  std::uint64_t number = 0;    ///< Counts segments over the life of the queue, from 1.
  std::uint64_t first_seq = 0; ///< Everything before it was synced when the segment was made.
  std::uint64_t salt = 0;      ///< Random, never 0: tells this life of a recycled file from the ones before.
  std::uint64_t chain = 0;     ///< The checksum of the last frame before this segment.
  std::uint64_t capacity = 0;  ///< Bytes reserved for the whole file.
};

/// The header block of a segment, both copies.
std::string encode_header_block(const segment_header& header);

struct header_reading {
  segment_header header;
  bool one_copy_damaged = false;
};

/// Reads a header block, which may be cut short. `folder_newer`, `folder_foreign` where it is of another database than
/// the one that is asked for, or `corrupt` where neither copy is whole; `file` is named in them.
[[nodiscard]] result<header_reading> decode_header_block(std::string_view block, const std::optional<uuid>& database,
                                                         const std::string& file);

/// What a frame says about itself. Begins at a multiple of `frame_alignment`.
struct frame_header {
  std::uint64_t checksum = 0;
  std::uint32_t bytes = 0; ///< The whole frame, padding included.
  std::uint32_t count = 0; ///< Records; 0 in a witness.
  std::uint64_t salt = 0;  ///< The segment's: found again without trying every offset's checksum.
  std::uint64_t first_seq = 0;
  std::int64_t accept_time_ms = 0;
  std::uint64_t durable_upto = 0; ///< The highest `seq` known to be synced when the frame was written.
  std::uint64_t chain = 0;        ///< `checksum` of the frame before, across segments.

  /// The `seq` after the frame.
  std::uint64_t next_seq() const noexcept { return first_seq + count; }
};

/// A verified frame; `records` is viewed in the reader's buffer and ends with the padding.
struct frame_view {
  frame_header header;
  std::string_view records;
};

/// Clears `out` and leaves room for a frame's header; the records follow.
void begin_frame(byte_writer& out);

/// Pads the frame, fills in its header and returns the checksum. `header.bytes` and `header.checksum` are not read.
std::uint64_t seal_frame(byte_writer& out, frame_header header);

/// Reads the fields; `bytes` holds at least `frame_header_bytes`. Nothing is verified.
frame_header parse_frame_header(std::string_view bytes) noexcept;

/// Whether the fields can be those of a frame with this salt that has `room` bytes to stand in.
bool plausible(const frame_header& header, std::uint64_t salt, std::uint64_t room) noexcept;

/// Whether a frame, complete with its padding, is what was written.
bool verifies(std::string_view frame, std::uint64_t salt) noexcept;

/// Decodes the records from `from_seq` on and learns the texts of those before it. An error (`malformed`) names the
/// first `seq` that cannot be decoded.
[[nodiscard]] result<batch> decode_frame(const frame_view& frame, std::uint64_t from_seq, decoder_dictionary& texts);

/// `00000000000000000001.waq`
std::string segment_name(std::uint64_t first_seq);
/// The first `seq` in a segment's name, or nothing where the name is not a segment's.
std::optional<std::uint64_t> segment_of_name(std::string_view name);
/// `spare-7.waq.free`
std::string spare_name(std::uint64_t number);
std::optional<std::uint64_t> spare_of_name(std::string_view name);
/// A file that is being made has this after its name.
inline constexpr std::string_view temporary_suffix = ".new";

} // namespace millrace::storage
