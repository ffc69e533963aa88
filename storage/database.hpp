#pragma once

#include "batch.hpp"
#include "result.hpp"

#include <millrace/messages/outcome.hpp>
#include <millrace/messages/query.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// The narrow interface through which actors see a database (DESIGN §12). It takes batches, not statements, and no type
/// of the engine below it shows through.
namespace millrace::storage {

using uuid = std::array<std::uint8_t, 16>;

/// What one piece of work came to: its outcome, or why it was rejected. Both are final and a function of the log.
using answer = tl::expected<outcome, failure>;

struct checkpoint_report {
  /// All work up to here is synced in the database file itself.
  std::uint64_t checkpointed_seq = 0;
  /// Pages that still wait in the database's own log.
  std::uint32_t pages_left = 0;
};

/// The sole write connection. Used by one thread at a time.
class database_writer {
public:
  virtual ~database_writer() = default;

  /// The last `seq` whose work is committed; 0 in a new database.
  virtual std::uint64_t applied_seq() const noexcept = 0;

  /// Applies consecutive batches, the first beginning at `applied_seq() + 1`, in one database transaction, each piece
  /// of work in isolation from its neighbours, and stores `applied_seq` with them. One answer per piece of work, in
  /// order. Errors:
  /// - `locked`, `disk_full`, `io_error`: nothing was applied; try the same batches again later;
  /// - `outcome_unknown`: the commit failed; throw this writer away, open another, and look at its `applied_seq`;
  /// - `corrupt`: the database is damaged; nothing was applied.
  virtual result<std::vector<answer>> apply(std::span<const batch_ptr> batches) = 0;

  /// Pages that wait for a checkpoint, as of the last commit.
  virtual std::uint32_t pages_waiting() const noexcept = 0;

  /// Moves committed pages into the database file and syncs it. Never waits for readers.
  virtual result<checkpoint_report> checkpoint() = 0;
};

/// One read-only connection. Used by one thread at a time.
class database_reader {
public:
  virtual ~database_reader() = default;

  /// Holds one snapshot for all `run`s until `end_snapshot`. Without it each `run` sees the newest commit.
  virtual result<> begin_snapshot() = 0;
  virtual void end_snapshot() noexcept = 0;

  /// Runs one query; interrupted with `deadline_exceeded` soon after `deadline`.
  virtual result<row_set> run(const query& question, std::chrono::steady_clock::time_point deadline) = 0;

  /// The `applied_seq` of the state that a `run` would see now.
  virtual result<std::uint64_t> applied_seq() = 0;
};

struct recorded_script {
  std::string name;
  std::uint64_t seq = 0;
  std::uint64_t sql_hash = 0; ///< `hash_of` the script's text.
};

/// What a database knows of itself.
struct database_identity {
  uuid id{};
  std::uint64_t applied_seq = 0;
  std::vector<recorded_script> scripts;
};

/// XXH3-64 of a text, as `recorded_script::sql_hash` holds it.
std::uint64_t hash_of(std::string_view text) noexcept;

struct sqlite_options {
  int cached_statements = 256; ///< Prepared statements kept per connection.
  int cache_kib = 65'536;      ///< Page cache per connection.
};

/// Creates Millrace's own tables where the file is new, and reads the identity. `folder_newer` where a newer program
/// wrote it, `folder_foreign` where it is a database of something else, `corrupt` where it is no database.
result<database_identity> prepare_sqlite(const std::filesystem::path& file);

result<std::unique_ptr<database_writer>> open_sqlite_writer(const std::filesystem::path& file,
                                                            const sqlite_options& options);
result<std::unique_ptr<database_reader>> open_sqlite_reader(const std::filesystem::path& file,
                                                            const sqlite_options& options);

} // namespace millrace::storage
