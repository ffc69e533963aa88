#pragma once

#include <millrace/actors/engine/options.hpp>
#include <millrace/storage/base/file.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// Clients that write a history, in a process of their own that dies again and again. Each is an actor that appends,
/// transfers, reads, sends again and is refused, by turns that a seed draws; meanwhile actors of the engine are killed,
/// the database is locked and snapshots are held by others.
namespace millrace::test::histories {

inline constexpr std::size_t accounts = 8;
inline constexpr std::int64_t first_balance = 1'000'000;
inline constexpr std::uint64_t lists_per_life = 12; ///< List 0 is that of all transfers.

/// What belongs to one history.
struct workload_folder {
  std::filesystem::path path;

  std::filesystem::path data() const { return path / "data"; }
  std::filesystem::path database() const { return data() / "database.sqlite3"; }
  std::filesystem::path queue() const { return data() / "queue"; }
  std::filesystem::path archive() const { return path / "archive"; } ///< Segments that were given up.
  std::filesystem::path trash() const { return path / "trash"; }
  std::filesystem::path history() const { return path / "history"; }
  std::filesystem::path schema_answers() const { return path / "schema_answers"; }
};

/// Segments, checkpoints and caches so small that much happens in little time.
options workload_options(const workload_folder& folder);

/// How a process ends.
enum class life_end : std::uint8_t {
  kill,   ///< By SIGKILL: what was written stays.
  power,  ///< As if the machine lost its power: what was not synced may be gone.
  closed, ///< The engine is closed.
};

struct life {
  std::uint64_t seed = 0;
  std::uint64_t number = 1; ///< Of the lives of this folder, from 1.
  life_end end = life_end::kill;
  std::uint64_t milliseconds = 300; ///< From when the engine serves.
  std::string planted;              ///< The deliberate bug, or nothing.
};

/// Runs one process to its end. What is not as it should be: it could not open the folder, it ended by itself, it left
/// clients without an answer.
std::vector<std::string> live(const workload_folder& folder, const life& one);

/// The folder and a copy of it live on apart from each other. Each time that one of them has, the copy's database takes
/// the folder's own's place, and must not be opened. What is not as it should be.
std::vector<std::string> live_apart(const workload_folder& folder, const life& one);

} // namespace millrace::test::histories
