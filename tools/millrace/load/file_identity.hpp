#pragma once

#include "row_source.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// What a file that is loaded is known by, however often it is copied or moved.
struct file_identity {
  std::string path;         ///< Absolute, without links.
  std::int64_t bytes = 0;   ///< What of it is loaded.
  std::int64_t hash = 0;    ///< Of these bytes.
  std::int64_t reading = 0; ///< A hash of how they are read: delimiter, header, columns, what is NULL.

  friend bool operator==(const file_identity&, const file_identity&) = default;
};

/// Hashes of the beginning of a file, by its length.
using prefix_hashes = std::map<std::int64_t, std::int64_t>;

/// Hashes the first so many bytes of a file, for each of the lengths, in one pass. Told now and then how much of it was
/// read, `on_progress` ends it by returning false. The error is a sentence, also where the file is shorter.
[[nodiscard]] tl::expected<prefix_hashes, std::string> hash_prefixes(const std::filesystem::path& file,
                                                                     std::vector<std::int64_t> lengths,
                                                                     const std::function<bool(double)>& on_progress);

std::string absolute_path(const std::filesystem::path& file);

std::int64_t hash_of_reading(const source_format& format);

/// Whether a row of the file ends after its first so many bytes, be they followed by line breaks or end with some: then
/// the rows before are what they were before more was appended. `on_progress` as above. The error is a sentence.
[[nodiscard]] tl::expected<bool, std::string> row_ends_at(const std::filesystem::path& file,
                                                          const source_format& format, std::int64_t bytes,
                                                          const std::function<bool(double)>& on_progress);

} // namespace millrace::tools
