#pragma once

#include "attempt_mark.hpp"
#include "work.hpp"

#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/storage/base/result.hpp>
#include <millrace/storage/sqlite/options.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// The narrow interface through which actors see a database (storage/DESIGN.md §4). It takes batches, not statements,
/// and no type of the engine below it shows through.
namespace millrace::storage {

/// What one piece of work came to: its outcome, or why it was rejected. Both are final and a function of the log.
using answer = tl::expected<outcome, failure>;

struct checkpoint_report {
  /// All work up to here is synced in the database file itself.
  std::uint64_t checkpointed_seq = 0;
  /// Pages that still wait in the database's own log.
  std::uint32_t pages_left = 0;
  /// Pages that the database's own log is long, those included that were moved already.
  std::uint32_t log_pages = 0;
};

/// The sole write connection. Used by one thread at a time.
class database_writer {
public:
  virtual ~database_writer() = default;

  /// The last `seq` whose work is committed; 0 in a new database.
  virtual std::uint64_t applied_seq() const noexcept = 0;

  /// Applies consecutive batches in one database transaction, each piece of work in isolation from its neighbours, and
  /// stores `applied_seq` with them, and the outcomes of named transactions. What is applied already is passed over;
  /// the rest begins at `applied_seq() + 1`. Gives one answer per piece of work, in order, from `applied_seq() + 1` (as
  /// it was before) on. They may be fewer than there is work, never none while there is any: then call again with the
  /// same batches. `mark` is told what is tried; a call that throws leaves it standing. Errors:
  /// - `locked`, `disk_full`, `io_error`, `database_gone`: nothing was applied; try the same batches again later, after
  ///   `database_gone` with another writer;
  /// - `outcome_unknown`: the commit failed; throw this writer away, open another, and look at its `applied_seq`. Or
  ///   work ran longer than `transaction_time_max`, or would be refused for ever as if the machine were at fault: the
  ///   same is due, nothing was applied, and `mark` stands at that work;
  /// - `corrupt`: the database is damaged; nothing was applied.
  virtual result<std::vector<answer>> apply(std::span<const batch_ptr> batches, attempt_mark& mark) = 0;

  /// How many pieces of work are in quarantine, as of opening or the last commit that changed that.
  virtual std::uint64_t quarantined() const noexcept = 0;

  /// Whether, since this was last asked, somebody else had committed before one of our commits.
  virtual bool take_foreign_commit() noexcept = 0;

  /// Pages that wait for a checkpoint, as of the last commit.
  virtual std::uint32_t pages_waiting() const noexcept = 0;

  /// Moves committed pages into the database file and syncs it. Never waits for readers. `database_gone` where the file
  /// is no longer the one in the folder: then nothing counts as checkpointed. `outcome_unknown` where a sync failed:
  /// what the file holds is not known, and another try would be believed wrongly, since the system forgets what it
  /// could not write. Only when all connections of the process are gone is everything moved again.
  virtual result<checkpoint_report> checkpoint() = 0;
};

/// How long a read may take.
struct read_limits {
  using clock = std::chrono::steady_clock;
  clock::time_point deadline = clock::time_point::max(); ///< `deadline_exceeded` soon after.
  /// From here on it is interrupted with `lease_expired` while `starving` is set.
  clock::time_point lease_end = clock::time_point::max();
  const std::atomic<bool>* starving = nullptr; ///< Whether the log cannot be emptied; null means never. Not owned.
  const std::atomic<bool>* closing = nullptr;  ///< `shutting_down` soon after it is set; null means never. Not owned.
};

/// A result that is read page by page from one snapshot. It holds that snapshot, and its reader's connection, as long
/// as it lives. Used by one thread at a time; its reader outlives it.
class row_cursor {
public:
  virtual ~row_cursor() = default;

  /// Up to `count` more rows (fewer only at the end, or where they reach `limits::row_set_bytes_max`);
  /// `truncated()` tells whether there are more.
  virtual result<row_set> next(std::uint32_t count, const read_limits& limits) = 0;
  /// Passes over so many rows; it may end before.
  virtual result<> skip(std::uint64_t count, const read_limits& limits) = 0;
  /// The `applied_seq` of its snapshot.
  virtual std::uint64_t seq() const noexcept = 0;
};

/// One read-only connection. Used by one thread at a time.
class database_reader {
public:
  virtual ~database_reader() = default;

  /// Holds one snapshot for all `run`s until `end_snapshot`. Without it each `run` sees the newest commit.
  virtual result<> begin_snapshot() = 0;
  virtual void end_snapshot() noexcept = 0;

  /// Runs one query within its limits.
  virtual result<row_set> run(const query& question, const read_limits& limits) = 0;

  /// Begins to read a result page by page. While the cursor lives nothing else may be run on this connection.
  virtual result<std::unique_ptr<row_cursor>> start(const query& question, const read_limits& limits) = 0;

  /// What became of a named transaction, as it was recorded when `seq` was applied; nothing where that is forgotten.
  /// Where what its statements returned exceeds `recorded_rows_bytes_max` in all, rows are left out and marked
  /// `truncated`, and details are cut short.
  virtual result<std::optional<answer>> recorded_outcome(std::uint64_t seq) = 0;

  /// What is in quarantine above `after`, oldest first, at most `limit`, and fewer where they are large. A schema
  /// script shows as a transaction of one statement.
  virtual result<quarantine_listing> quarantine(std::uint64_t after, std::uint32_t limit) = 0;

  /// The `applied_seq` of the state that a `run` would see now.
  virtual result<std::uint64_t> applied_seq() = 0;

  /// Whether the file that it reads is no longer the one in the folder.
  virtual bool moved_away() const noexcept = 0;

  /// Looks through everything for damage: what can be told of it, a sentence each, nothing where all is sound.
  /// `corrupt` where the damage keeps it from looking. Holds one snapshot all the time.
  virtual result<std::vector<std::string>> find_damage(const read_limits& limits) = 0;
};

/// Give a connection of one's own.
using writer_opener = std::function<result<std::unique_ptr<database_writer>>()>;
using reader_opener = std::function<result<std::unique_ptr<database_reader>>()>;

struct recorded_script {
  std::string name;
  std::uint64_t seq = 0;
  std::uint64_t sql_hash = 0; ///< `hash_of` the script's text.
};

/// A named transaction whose outcome is recorded.
struct recorded_name {
  transaction_name name;
  std::uint64_t seq = 0;
  std::int64_t accepted_ms = 0; ///< By which its age is judged.
};

/// What a database knows of itself.
struct database_identity {
  uuid id{};
  std::uint64_t applied_seq = 0;
  std::vector<recorded_script> scripts;
  /// Names whose outcomes are recorded, by rising `seq`.
  std::vector<recorded_name> names;
  /// The newest birth (`made_at_ms`) among clients of whom an outcome was forgotten; 0 where none was.
  std::int64_t forgotten_made_at_ms = 0;
};

/// Of one transaction.
inline constexpr std::size_t recorded_rows_bytes_max = 64 * 1024;

/// Creates Millrace's own tables where the file is new, adds what an older program did not know of, and reads the
/// identity. `folder_newer` where a newer program wrote it, `folder_foreign` where it is a database of something else,
/// `corrupt` where it is no database. Without `create`, which is due where there is work for a database already,
/// `database_gone` where the file is missing or empty.
result<database_identity> prepare_sqlite(const std::filesystem::path& file, bool create = true);

result<std::unique_ptr<database_writer>> open_sqlite_writer(const std::filesystem::path& file,
                                                            const sqlite_options& options);
result<std::unique_ptr<database_reader>> open_sqlite_reader(const std::filesystem::path& file,
                                                            const sqlite_options& options);

} // namespace millrace::storage
