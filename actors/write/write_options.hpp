#pragma once

#include <millrace/messages/error.hpp>

#include <cstdint>
#include <optional>

namespace millrace {

/// How the queue and the writer work.
struct write_options {
  /// Bytes of unapplied work kept in memory; what is beyond is read back from the log.
  std::uint64_t window_bytes_max = 64ull * 1024 * 1024;
  /// Pages that wait in SQLite's log before the writer checkpoints, at least. Where commits take long the writer lets
  /// more wait, up to a quarter of `wal_pages_max`: the pause stays in proportion to them.
  std::uint32_t checkpoint_pages = 200;
  /// From so many pages in SQLite's log on, readers that outlived their lease are interrupted and begin nothing new, so
  /// that it can begin anew.
  std::uint32_t wal_pages_max = 16'384;
  /// A transaction over which the writer or the process died so often is set aside.
  std::uint32_t deaths_max = 3;
};

/// Says which value cannot be used; nothing where all can.
[[nodiscard]] std::optional<failure> check(const write_options& settings);

} // namespace millrace
