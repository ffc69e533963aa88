#pragma once

#include "format.hpp"

#include <millrace/storage/base/file.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::storage {

/// A segment that is in use, as the log remembers it.
struct segment_entry {
  std::uint64_t first_seq = 0;
  std::uint64_t bytes = 0; ///< The file's size.
};

/// What everything in the folder of one queue needs to know.
struct queue_folder {
  file_system* files = nullptr; ///< Not owned; outlives the log.
  std::filesystem::path path;
  uuid database{};

  std::filesystem::path segment_path(std::uint64_t first_seq) const { return path / segment_name(first_seq); }
};

/// Overwrites part of a file with zeroes, a piece at a time. Does not sync.
[[nodiscard]] result<> write_zeroes(file& target, std::uint64_t from, std::uint64_t end);

/// Reads the frames of one segment through a window, so that memory stays bounded by the largest frame.
class segment_reader {
public:
  /// Errors of the header as `decode_header_block`; `corrupt` too where the header is that of another file name.
  [[nodiscard]] static result<segment_reader> open(const queue_folder& folder, std::uint64_t first_seq);

  const segment_header& header() const noexcept { return header_; }
  bool header_copy_damaged() const noexcept { return header_copy_damaged_; }
  std::uint64_t end() const noexcept { return end_; }
  /// Makes the reader see the file only up to here; what is beyond is not synced yet.
  void set_end(std::uint64_t end) noexcept;

  /// The frame that begins at `offset`; nothing where there is none that verifies. Valid until the next call.
  [[nodiscard]] result<std::optional<frame_view>> frame_at(std::uint64_t offset);

  /// The first offset from `from` on at which a frame verifies whose `first_seq` is not below `first_seq_min`.
  [[nodiscard]] result<std::optional<std::uint64_t>> find_frame(std::uint64_t from, std::uint64_t first_seq_min);

  /// Up to `count` bytes from `offset`, fewer at the end. Valid until the next call.
  [[nodiscard]] result<std::string_view> bytes(std::uint64_t offset, std::size_t count);

private:
  segment_reader(std::unique_ptr<file> source, std::uint64_t size) : file_(std::move(source)), end_(size) {}

  std::unique_ptr<file> file_;
  segment_header header_;
  bool header_copy_damaged_ = false;
  std::uint64_t end_;
  std::vector<char> window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_bytes_ = 0; ///< How much of the window is filled.
};

} // namespace millrace::storage
