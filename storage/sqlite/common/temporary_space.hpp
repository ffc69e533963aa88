#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace millrace::storage::sqlite {

/// Where the temporary files of one database's work lie, and how much all of them may take together. Outlives the
/// connections that make them. Any thread.
class temporary_space {
public:
  /// The folder need not be there: it is made, 0700, when a file is to be.
  temporary_space(const std::filesystem::path& folder, std::int64_t kib_max)
    : folder_(folder.native()), kib_max_(kib_max) {}

  /// Takes bytes, or gives them back where there are fewer than none; false where there are not so many left.
  bool take(std::int64_t bytes) noexcept;

  /// How often something was taken; nothing where something is taken now. Twice the same: nothing was in between.
  std::optional<std::uint64_t> times_taken() const noexcept;

  /// From here on no file may grow, and whatever has some is to end, until this is called with false: the room is
  /// needed for what is more important. Who makes the files looks at it (budget.hpp).
  void withhold(bool on) noexcept { withheld_.store(on); }
  bool withheld() const noexcept { return withheld_.load(std::memory_order_relaxed); }

  /// Writes the path of a file that is not there yet, and two zeroes after it as SQLite wants them. False where it has
  /// no room.
  bool name_file(std::span<char> into) const noexcept;
  /// Whether the folder was missing, and was made.
  bool make_folder() const noexcept;

  const std::string& folder() const noexcept { return folder_; }
  std::int64_t kib_max() const noexcept { return kib_max_; }

private:
  std::string folder_;
  std::int64_t kib_max_; ///< 0: as much as there is.
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::uint64_t> times_taken_{0};
  std::atomic<bool> withheld_{false};
};

} // namespace millrace::storage::sqlite
