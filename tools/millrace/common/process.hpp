#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>

#include <tl/expected.hpp>

namespace millrace::tools {

/// Resident memory of this process in MiB; 0 where the system does not tell.
double rss_mib();

/// Whether files below `folder` live in memory, where a sync costs nothing and measures nothing.
bool in_memory_file_system(const std::filesystem::path& folder);

/// Turns the first SIGINT, SIGTERM or SIGHUP into `interrupted()`; a second one, the same or another, ends the process
/// as usual. Once per process.
void catch_interrupts();

/// Whether one of them arrived. Any thread.
bool interrupted() noexcept;
/// What then is set, for whoever looks by itself.
const std::atomic<bool>& interrupt_flag() noexcept;

/// A folder of its own that is removed with all that is in it when the object goes.
class scratch_folder {
public:
  /// Made below `parent`; the error is a sentence.
  [[nodiscard]] static tl::expected<scratch_folder, std::string> make(const std::filesystem::path& parent);

  scratch_folder(scratch_folder&& other) noexcept;
  scratch_folder& operator=(scratch_folder&& other) noexcept;
  ~scratch_folder();

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  explicit scratch_folder(std::filesystem::path path) : path_(std::move(path)) {}
  void remove() noexcept;

  std::filesystem::path path_; ///< Empty where there is nothing to remove.
};

/// Where scratch folders go: `TMPDIR`, or /var/tmp, which unlike /tmp is a disk by convention.
std::filesystem::path scratch_parent();

} // namespace millrace::tools
