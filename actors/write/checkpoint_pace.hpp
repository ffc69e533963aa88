#pragma once

#include <chrono>
#include <cstdint>

namespace millrace {

/// How many pages may wait in SQLite's log before the writer checkpoints. A checkpoint costs two syncs however few
/// pages it moves, and nothing is applied meanwhile: so it moves as many as it can while the pause stays in proportion
/// to what a commit takes, which clients wait for anyway.
class checkpoint_pace {
public:
  using duration = std::chrono::steady_clock::duration;

  /// Never fewer than `least` pages nor more than `most`.
  checkpoint_pace(std::uint32_t least, std::uint32_t most) noexcept;

  bool due(std::uint64_t pages_waiting) const noexcept { return pages_waiting >= pages_; }
  std::uint32_t pages() const noexcept { return pages_; }

  /// A commit took so long.
  void committed(duration took) noexcept;
  /// A checkpoint took so long.
  void checkpointed(duration took) noexcept;

private:
  std::uint32_t least_;
  std::uint32_t most_;
  std::uint32_t pages_;
  duration usual_commit_{}; ///< A mean that forgets.
};

} // namespace millrace
