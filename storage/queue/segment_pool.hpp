#pragma once

#include "log.hpp"
#include "segment.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::storage {

/// The segment that frames are appended to.
struct active_segment {
  std::unique_ptr<file> target;
  segment_header header;
};

/// What a new segment is made for.
enum class segment_purpose {
  first,     ///< The first of a folder: its blocks are written for real, because overwriting syncs faster than filling.
  recovery,  ///< May take the last spare, so that a restart works on a full disk.
  roll_over, ///< Leaves the last spare alone.
  rest       ///< Holds nothing, and has room for nothing.
};

/// Makes segments, from spares where it can, and turns old ones into spares.
class segment_pool {
public:
  segment_pool(queue_folder folder, const log_options& options);

  /// Sorts out what a folder holds besides segments in use: spares are taken over, superfluous ones and files left
  /// half-made are removed, or kept as spares where they are complete.
  [[nodiscard]] result<> adopt(const std::vector<std::string>& names);

  /// Makes and syncs a segment (storage/DESIGN.md §2 rule 5) with a salt of its own and room for `frame_bytes` at
  /// least; `header.salt`, `header.capacity` and `header.database` are filled in. `disk_full`: nothing was made, may be
  /// tried again. Everything else, a failed sync included, is `io_error`.
  [[nodiscard]] result<active_segment> make(segment_header header, std::uint64_t frame_bytes, segment_purpose purpose);

  /// Sees to it that there is a spare, if the disk has room for one.
  [[nodiscard]] result<> ensure_reserve();

  [[nodiscard]] result<> remove_spares();

  /// Frees segments: the folder is synced before any of them can be used again.
  [[nodiscard]] result<> retire(const std::vector<segment_entry>& segments);

  std::size_t spares() const noexcept { return spares_.size(); }

private:
  [[nodiscard]] result<std::unique_ptr<file>> take_spare(const std::filesystem::path& temporary);
  [[nodiscard]] result<std::unique_ptr<file>> make_file(const std::filesystem::path& temporary, std::uint64_t bytes);
  [[nodiscard]] result<> finish(file& target, const segment_header& header, const std::filesystem::path& temporary,
                                bool fill);
  [[nodiscard]] result<std::uint64_t> size_of(const std::string& name);
  /// Whether a file of so many bytes is worth keeping.
  bool wanted(std::uint64_t bytes) const noexcept;
  [[nodiscard]] result<> keep_or_remove(const std::string& name, std::uint64_t bytes, std::vector<std::uint64_t>& kept);

  queue_folder folder_;
  std::uint64_t segment_bytes_;
  std::size_t spares_max_;
  std::vector<std::uint64_t> spares_; ///< Their numbers.
  std::uint64_t next_spare_ = 1;
};

} // namespace millrace::storage
