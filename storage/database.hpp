#pragma once

#include "attempt_mark.hpp"
#include "database_options.hpp"
#include "work.hpp"

#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/operations/schema.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/storage/base/result.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

/// The narrow interface through which actors see a database (storage/DESIGN.md §4). It takes batches, not statements,
/// and no type of the engine below it shows through.
namespace millrace::storage {

/// What one piece of work came to: its outcome, or why it was rejected. Both are final and a function of the log.
using answer = tl::expected<outcome, failure>;

/// What a rehearsal of schema changes came to.
using rehearsal = tl::expected<schema_rehearsed, failure>;

/// Of the monotonic clock.
using moment = std::chrono::steady_clock::time_point;

/// What is due after a call failed.
enum class remedy : std::uint8_t {
  /// Nothing of it was done, and the same call may succeed later on this connection.
  same_connection,
  /// Throw this connection away and open another: what was committed only that one knows.
  reopen,
  /// End the process: it can no longer tell what the disk holds, and would believe another try wrongly.
  end_process,
  /// Nothing: the call was called off (`write_limits`), and whoever did that says what comes next. Nothing of it was
  /// done, and nobody is at fault.
  none,
};

/// Why a call of a writer failed, and what to do about it.
struct trouble {
  failure why;
  remedy next = remedy::same_connection;
  /// How many pieces of work, from `applied_seq() + 1` on, met it together: one of them may be at fault, however much
  /// it looks like the machine. 0 where none can be.
  std::uint64_t suspects = 0;
  /// Whether the only one is at fault for certain: alone it took more than it may (`deadline_exceeded`: time,
  /// `too_large`).
  bool proven = false;
};

/// As of a checkpoint. What is committed stands in the database's own journal first and is merged into its tables by
/// checkpoints. Amounts are in units of the database (`database_traits::journal_unit`); a database whose server looks
/// after that itself always says 0.
struct checkpoint_report {
  /// All work up to here is synced in the database: in its tables, or in the journal that is still to be merged.
  std::uint64_t checkpointed_seq = 0;
  /// What is committed and still not merged.
  std::uint32_t unmerged = 0;
  /// How long the journal is, with what of it is merged already.
  std::uint32_t journal = 0;
};

/// How long a piece of work computed, as was seen every few milliseconds: of most nothing is said, and of many together
/// what they took.
struct time_taken {
  std::uint64_t seq = 0;
  std::chrono::nanoseconds took{0};
};

/// Who asked for something.
class requester {
public:
  virtual ~requester() = default;
  /// Whether nobody waits for the answer any more. Asked in the thread that works for it, often.
  virtual bool gone() const noexcept = 0;
  /// Whether others have waited for too long for what reads.
  virtual bool yields() const noexcept { return false; }
};

/// When a call of a writer ends though there is more to do.
struct write_limits {
  moment deadline = moment::max(); ///< Soon after it.
  /// Soon after one of these is set, whatever runs; null means never. Not owned.
  const std::atomic<bool>* called_off = nullptr;
  const std::atomic<bool>* closing = nullptr;
  /// Of a rehearsal: likewise once they are gone; null means never. Not owned.
  const requester* asked_by = nullptr;
};

/// The sole write connection: opening another ends what this one may do (`database::open_writer`). Used by one thread
/// at a time.
class database_writer {
public:
  virtual ~database_writer() = default;

  /// Up to where work is committed; 0 in a new database. By the chain value a log tells whether that is its own work.
  virtual log_position applied() const noexcept = 0;
  std::uint64_t applied_seq() const noexcept { return applied().seq; }

  /// Applies consecutive batches in one database transaction, each piece of work in isolation from its neighbours, and
  /// stores `applied_seq` with them, and the outcomes of named transactions. What is applied already is passed over;
  /// the rest begins at `applied_seq() + 1`. Gives one answer per piece of work, in order, from `applied_seq() + 1` (as
  /// it was before) on. They may be fewer than there is work, never none while there is any: then call again with the
  /// same batches. No work is begun where what stands before it took a second, so that others hear of that. `mark` is
  /// told what is tried; a call that throws leaves it standing.
  ///
  /// The call as a whole ends soon after its deadline, schema scripts excepted. What was done by then is committed and
  /// answered; where that is nothing, the call fails with `deadline_exceeded` and `remedy::same_connection`, or
  /// `reopen` where it cannot tell. No work is ever answered with that. One that is called off fails with
  /// `remedy::none`, unless it has all but ended.
  ///
  /// Of the codes in a trouble one says more than why: `outcome_unknown` with `remedy::reopen`. The commit failed, and
  /// the next writer's `applied_seq` tells. Work is never answered with what may be the machine's fault, nor for taking
  /// more than it may: what stands before it is committed, and the call that begins with it fails
  /// (`trouble::suspects`).
  [[nodiscard]] virtual tl::expected<std::vector<answer>, trouble> apply(std::span<const batch_ptr> batches,
                                                                         attempt_mark& mark,
                                                                         const write_limits& limits) = 0;

  /// Commits so many bytes of Millrace's own and takes them away again: whether the machine does for these what it
  /// refused to work. They stand in nobody's way should the process end in between.
  [[nodiscard]] virtual tl::expected<void, trouble> probe(std::uint64_t bytes) = 0;

  /// Runs changes of the schema one after another as they would be applied now, at the time `now_ms`, and takes all of
  /// it back: nothing is committed. What one of them fails with is the answer. A call that is called off fails with
  /// `remedy::none`, and one that takes longer than its deadline with `deadline_exceeded`.
  [[nodiscard]] virtual tl::expected<rehearsal, trouble> rehearse(std::span<const schema_change> changes,
                                                                  std::int64_t now_ms, const write_limits& limits) = 0;

  /// How many pieces of work are in quarantine, as of opening or the last commit that changed that.
  virtual std::uint64_t quarantined() const noexcept = 0;

  /// Whether, since this was last asked, somebody else had committed before one of our commits.
  virtual bool take_foreign_commit() noexcept = 0;

  /// What the work that was applied last took, by rising `seq`; nothing when asked again.
  virtual std::vector<time_taken> take_times() = 0;

  /// What is committed and waits for a checkpoint, as of the last commit; in the unit of `checkpoint_report`.
  virtual std::uint32_t unmerged() const noexcept = 0;

  /// Merges what is committed, as far as no reader is in the way, and syncs all of it. Never waits for readers, but
  /// where all is merged and the journal is longer than `journal_max`, a few milliseconds for those that keep it from
  /// beginning anew; the report says 0 for its length where it does. Where this fails nothing counts as checkpointed. A
  /// failed sync is final (`remedy::end_process`).
  [[nodiscard]] virtual tl::expected<checkpoint_report, trouble> checkpoint(std::uint32_t journal_max = UINT32_MAX) = 0;
};

/// How long a read may take, and how new the state must be that it sees.
struct read_limits {
  using clock = std::chrono::steady_clock;
  clock::time_point deadline = clock::time_point::max(); ///< `deadline_exceeded` soon after.
  /// From here on it is interrupted with `lease_expired` while `starving` is set.
  clock::time_point lease_end = clock::time_point::max();
  const std::atomic<bool>* starving = nullptr; ///< Whether the journal cannot be emptied; null: never. Not owned.
  const std::atomic<bool>* closing = nullptr;  ///< `shutting_down` soon after it is set; null means never. Not owned.
  /// `unavailable` soon after they are gone, `lease_expired` soon after they yield; null means never. Not owned.
  const requester* asked_by = nullptr;
  /// What the snapshot must hold at least: nothing is read from an older one, which is `unavailable`.
  std::uint64_t least_seq = 0;
};

/// A result that is read page by page from one snapshot. It holds that snapshot, and its reader's connection, as long
/// as it lives. Used by one thread at a time; its reader outlives it.
class row_cursor {
public:
  virtual ~row_cursor() = default;

  /// Up to `count` more rows (fewer only at the end, or where they reach `limits::row_set_bytes_max`), with the `seq`
  /// of the snapshot; `truncated()` tells whether there are more.
  [[nodiscard]] virtual result<row_set> next(std::uint32_t count, const read_limits& limits) = 0;
  /// Passes over so many rows; it may end before.
  [[nodiscard]] virtual result<> skip(std::uint64_t count, const read_limits& limits) = 0;
  /// The `applied_seq` of its snapshot.
  virtual std::uint64_t seq() const noexcept = 0;
  /// Memory that it holds until it ends, also while nobody reads from it.
  virtual std::uint64_t bytes_held() const noexcept = 0;
};

/// One read-only connection. Used by one thread at a time.
class database_reader {
public:
  virtual ~database_reader() = default;

  /// Holds one snapshot for all `run`s until `end_snapshot`. Without it each `run` sees the newest commit.
  [[nodiscard]] virtual result<> begin_snapshot() = 0;
  virtual void end_snapshot() noexcept = 0;

  /// Runs one query within its limits, in one snapshot, whose `applied_seq` is the rows' `seq()`.
  [[nodiscard]] virtual result<row_set> run(const query& question, const read_limits& limits) = 0;

  /// Begins to read a result page by page. While the cursor lives nothing else may be run on this connection.
  [[nodiscard]] virtual result<std::unique_ptr<row_cursor>> start(const query& question, const read_limits& limits) = 0;

  /// What became of a named transaction, as it was recorded when `seq` was applied; nothing where that is forgotten.
  /// Where what its statements returned exceeds `recorded_rows_bytes_max` in all, rows are left out and marked
  /// `truncated`, and details are cut short.
  [[nodiscard]] virtual result<std::optional<answer>> recorded_outcome(std::uint64_t seq) = 0;

  /// What is in quarantine above `after`, oldest first, at most `limit`, and fewer where they are large. A schema
  /// script shows as a transaction of one statement.
  [[nodiscard]] virtual result<quarantine_listing> quarantine(std::uint64_t after, std::uint32_t limit) = 0;

  /// Why that is there, at most 10,000 of them.
  [[nodiscard]] virtual result<millrace::quarantine_reasons> quarantine_reasons(std::uint64_t after,
                                                                                std::uint32_t limit) = 0;

  /// What is recorded of the schema, and how it differs from the one that is there. Of the history at most `limit`
  /// changes above `after`, oldest first, and fewer where they are large.
  [[nodiscard]] virtual result<schema_state> schema(std::uint64_t after, std::uint32_t limit) = 0;

  /// The `applied_seq` of the state that a `run` would see now.
  [[nodiscard]] virtual result<std::uint64_t> applied_seq() = 0;

  /// Whether another database has taken the place of the one that it reads, so that one opened now would read another.
  virtual bool superseded() const noexcept = 0;

  /// Looks through everything for damage: what can be told of it, a sentence each, nothing where all is sound.
  /// `corrupt` where the damage keeps it from looking. Holds one snapshot all the time.
  [[nodiscard]] virtual result<std::vector<std::string>> find_damage(const read_limits& limits) = 0;
};

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
  std::uint64_t content = 0;    ///< `bound_name::content`; 0 of those that an older format recorded.
};

/// What a database knows of itself.
struct database_identity {
  uuid id{};
  log_position applied;
  std::vector<recorded_script> scripts;
  /// Names whose outcomes are recorded, by rising `seq`.
  std::vector<recorded_name> names;
  /// The highest `seq` whose outcome was forgotten; 0 where none was.
  std::uint64_t forgotten_upto = 0;
};

/// Of one transaction.
inline constexpr std::size_t recorded_rows_bytes_max = 64 * 1024;

/// What differs between kinds of databases.
struct database_traits {
  /// Whether applying one log to the same starting database gives the same database, row for row, however it is cut
  /// into calls (storage/DESIGN.md §1). What replays and compares, or runs work a second time with savepoints, depends
  /// on that.
  bool deterministic = false;
  /// What the journal is counted in, singular (`checkpoint_report`); empty where there is none to merge.
  std::string_view journal_unit;
};

/// What a connection for reading is meant for.
enum class reading : std::uint8_t {
  queries,    ///< Many queries, which come again.
  one_result, ///< One thing, read once from its beginning to its end.
};

/// A database that can be opened: where it is, of what kind, and how. Any thread may call it, several at once. What it
/// opened may outlive it.
class database {
public:
  virtual ~database() = default;

  virtual database_traits traits() const noexcept = 0;

  /// Creates Millrace's own tables where the database is new, adds what an older program did not know of, and reads the
  /// identity. From then on what is opened is the database with this identity: another in its place is
  /// `database_gone`. `folder_newer` where a newer program wrote it, `folder_foreign` where it is a database of
  /// something else, `corrupt` where it is none. Without `create`, which is due where there is work for a database
  /// already, `database_gone` where it is missing or empty.
  [[nodiscard]] virtual result<database_identity> prepare(bool create) = 0;

  /// Opens the sole writer. From the beginning of this call on no earlier one of the database commits or checkpoints
  /// anything, whether it was given up or not: a call of it that runs is waited for, later ones fail. So what the new
  /// writer finds as `applied_seq` stays until it commits itself.
  [[nodiscard]] virtual result<std::unique_ptr<database_writer>> open_writer() = 0;

  [[nodiscard]] virtual result<std::unique_ptr<database_reader>> open_reader(reading purpose = reading::queries) = 0;
};

/// Give a connection of one's own.
using writer_opener = std::function<result<std::unique_ptr<database_writer>>()>;
using reader_opener = std::function<result<std::unique_ptr<database_reader>>()>;

} // namespace millrace::storage
