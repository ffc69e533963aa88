#pragma once

#include "recording.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace millrace::test {

/// The files that a power loss leaves, by path relative to the data folder.
using crash_image = std::map<std::string, std::string>;

/// What is certain to be on a disk and what only may be, after the events it was told of. POSIX's promises and no more:
/// a file's bytes and size are certain once it was synced, its name once its folder was.
class disk_model {
public:
  disk_model() = default;
  /// A disk on which these files are certain, numbered from 1 in their order.
  explicit disk_model(const crash_image& image);

  /// The event must outlive the model.
  void apply(const disk_event& event);

  /// How many operations are not certain.
  std::size_t unsynced() const;

  /// As if all had been synced.
  crash_image everything() const;

  /// Takes the power away. What was not synced is there or not, torn at a sector, or something else stands in its
  /// place, each by itself; of each folder's operations the first few were done, or any.
  crash_image lose_power(std::mt19937_64& random) const;

private:
  using name_table = std::map<std::string, std::uint32_t>;

  struct disk_file {
    std::string synced;
    std::vector<const disk_event*> pending;
  };
  struct folder_state {
    name_table synced;
    std::vector<const disk_event*> pending;
  };

  folder_state& folder_of(const std::string& path);
  static name_table names_left(const folder_state& folder, std::mt19937_64& random);
  static std::string bytes_left(const disk_file& file, std::mt19937_64& random);

  std::map<std::uint32_t, disk_file> files_;
  std::map<std::string, folder_state> folders_;
};

/// Writes the files into an empty folder.
void write_image(const crash_image& image, const std::filesystem::path& folder);

} // namespace millrace::test
