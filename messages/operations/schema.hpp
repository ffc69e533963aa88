#pragma once

#include <millrace/messages/error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// A SHA-256 digest; zeroes where there is none.
using sha256 = std::array<std::uint8_t, 32>;

/// How a change came into the history of a database's schema. Append-only: the numbers stand in logs.
enum class schema_step : std::uint8_t {
  script = 0,   ///< A schema script, which is applied once under its name.
  ad_hoc = 1,   ///< An operator's own SQL.
  up = 2,       ///< A migration.
  down = 3,     ///< A migration taken back.
  baseline = 4, ///< Says that migrations count as applied; nothing is run.
  repair = 5,   ///< Says anew which migrations of a set are applied, and of what files; nothing is run.
  adopt = 6,    ///< Says that the schema which is there is as it should be, whoever made it; nothing is run.
  hook = 7,     ///< SQL that a set runs before the first of its migrations that a run applies, or after the last.
  seed = 8,     ///< Rows of an environment, which change no schema.
  pause = 9,    ///< Says that a backfill is to go no further; nothing is run.
  resume = 10,  ///< Says that it may go on.
};

/// What a person reads for a step: `up`, `ad-hoc`.
const char* to_text(schema_step step) noexcept;

/// Whether a set of migrations may be called that: up to 64 letters, digits, `_`, `-` and `.`, and no `.` before them.
bool is_set_name(std::string_view name) noexcept;

/// One migration of a set.
struct migration_id {
  std::string set{};
  std::uint64_t version = 0; ///< From 1.

  friend bool operator==(const migration_id&, const migration_id&) = default;
};

/// A migration as a database records that it is applied.
struct applied_migration {
  std::uint64_t version = 0;
  std::string name{};
  sha256 checksum{}; ///< Of the file that was applied.
  sha256 chain{};    ///< Of that and the chain of the migration of its set before it: the same for the same history.
  std::vector<migration_id> needs{}; ///< What must stay applied as long as it is.

  friend bool operator==(const applied_migration&, const applied_migration&) = default;
};

/// SQL of a file that is run around a migration, or around all that a run applies.
struct schema_hook {
  std::string file{}; ///< For people: `main/before_each.sql`.
  std::string sql{};

  friend bool operator==(const schema_hook&, const schema_hook&) = default;
};

/// Changes the schema, as one transaction that stands in the log and in the history. What its set must look like
/// before goes with it, so of two programs that migrate at once each migration is applied by one of them.
struct schema_change {
  schema_step step = schema_step::ad_hoc;
  std::string set{}; ///< Of migrations; of a seed the environment.
  /// The chain of the newest applied migration of the set that this is meant for, zeroes where there is none: another
  /// is `schema_conflict`. Not looked at where what is to be applied is applied already, by the same chain.
  sha256 expected{};
  /// The migration that is applied or taken back; those that are to count as applied; for a repair, all of the set. A
  /// seed is one by its number, name and checksum alone: it follows nothing, and what it says is applied where another
  /// checksum is recorded of it, or none.
  std::vector<applied_migration> migrations{};
  std::string sql{};
  std::string author{}; ///< Which program sends it, for whoever reads the history.
  /// Run before `sql` in the same transaction, and after it: of a migration that is applied alone. A step `hook` is one
  /// before, and nothing else.
  std::vector<schema_hook> before{};
  std::vector<schema_hook> after{};
  /// How long it may run, from when the writer turns to it; 0 is as long as it takes. What runs longer is called off
  /// without an effect: `deadline_exceeded`, for ever.
  std::chrono::milliseconds timeout{0};
  /// The table of a backfill: a migration that changes its rows in parts, of which each change is the next one. Empty
  /// where it is all of a migration. Its SQL says `:first` and `:last` for the keys between which the part is.
  std::string backfill{};
  /// Of a backfill, how many rows the part covers at most. The outcome's one result says how many those were
  /// (`rows_changed`): fewer say that it was the last.
  std::uint64_t rows_max = 0;
  /// Of a backfill, that it is not the first part: `schema_conflict` where it was taken back meanwhile.
  bool goes_on = false;
  /// Of a migration that is applied, that its run ends with a hook of its set, which is owed from then on. Of a step
  /// `hook`, that it is that one: it is run where it is owed alone, and settles that.
  bool after_run = false;

  friend bool operator==(const schema_change&, const schema_change&) = default;
};

/// The longest that a change may give itself: a year.
inline constexpr std::chrono::milliseconds schema_timeout_max = std::chrono::hours{365 * 24};

/// How long the SQL of a change is, with its hooks.
std::size_t sql_bytes(const schema_change& change) noexcept;

/// All that a change runs, as a person reads it: where it has hooks, a comment before each part names its file.
std::string whole_sql(const schema_change& change);

/// What is wrong with a change in itself: a step that no program may ask for, no migration where there must be one,
/// their versions in no order, a name that no set may have, hooks where none may be. Nothing where it may be applied.
[[nodiscard]] std::optional<failure> check(const schema_change& change);

/// One object of a schema in two states of it.
struct schema_difference {
  std::string type{}; ///< `table`, `index`, `view` or `trigger`.
  std::string name{};
  std::string before{}; ///< Its SQL; empty where there was none.
  std::string after{};  ///< Likewise.

  friend bool operator==(const schema_difference&, const schema_difference&) = default;
};

/// Runs changes one after another as they would be applied now, and takes all of it back. Nothing of it is in the log.
struct schema_rehearsal {
  std::vector<schema_change> changes{};
};

/// What one change of a rehearsal came to.
struct rehearsed_change {
  std::chrono::microseconds took{0};
  std::int64_t rows_changed = 0; ///< By it, its triggers and foreign keys.
  std::vector<schema_difference> differences{};

  friend bool operator==(const rehearsed_change&, const rehearsed_change&) = default;
};

/// All of them; the first that fails is the failure of the whole rehearsal.
struct schema_rehearsed {
  std::vector<rehearsed_change> changes{};

  friend bool operator==(const schema_rehearsed&, const schema_rehearsed&) = default;
};

/// Asks for what is recorded of the schema: applied migrations, differences, and of the history at most `limit` changes
/// above `after`.
struct schema_state_request {
  std::uint64_t after = 0;
  std::uint32_t limit = 100;
};

/// A change as the history has it.
struct recorded_change {
  std::uint64_t seq = 0;
  std::int64_t accepted_ms = 0; ///< Milliseconds since 1970-01-01 UTC; 0 where an older program recorded it.
  schema_step step = schema_step::script;
  std::string set{};
  std::uint64_t version = 0; ///< Of a migration; else 0.
  std::string name{};
  std::string sql{}; ///< Empty where it was longer than `recorded_sql_bytes_max`, or an older program recorded it.
  std::string author{};
  std::int64_t took_us = 0; ///< What it took when it was applied: no function of the log.

  friend bool operator==(const recorded_change&, const recorded_change&) = default;
};

/// Longer SQL is not kept in the history.
inline constexpr std::size_t recorded_sql_bytes_max = 1024 * 1024;

/// The migrations of one set that are applied, by rising version.
struct applied_set {
  std::string name{};
  std::vector<applied_migration> migrations{};

  friend bool operator==(const applied_set&, const applied_set&) = default;
};

/// A backfill that is under way.
struct backfill_state {
  migration_id id{};
  std::string name{};
  sha256 chain{}; ///< As it will be recorded once it is applied.
  std::string table{};
  std::uint64_t rows_done = 0;
  std::uint64_t rows_left = 0; ///< About so many; estimated from the keys where these are numbers.
  std::int64_t took_us = 0;    ///< What its parts took the writer so far.
  bool paused = false;

  friend bool operator==(const backfill_state&, const backfill_state&) = default;
};

/// A seed that is applied.
struct applied_seed {
  std::string environment{};
  std::string name{};
  sha256 checksum{}; ///< Of the file that was applied last.
  std::uint64_t seq = 0;

  friend bool operator==(const applied_seed&, const applied_seed&) = default;
};

struct schema_state {
  std::uint64_t seq = 0;                   ///< As of which.
  std::vector<applied_set> sets{};         ///< By name.
  std::vector<backfill_state> backfills{}; ///< By set, of which each has one at most.
  std::vector<applied_seed> seeds{};       ///< By environment and name.
  /// The first migration of each set that runs applied which did not come to the hook after them; by set.
  std::vector<migration_id> owed{};
  /// How the schema that is there differs from what scripts, migrations and ad-hoc changes made: what somebody else
  /// did to the file. Comments and spacing aside.
  std::vector<schema_difference> drift{};
  std::vector<recorded_change> history{};
  bool more = false; ///< Whether the history has others above the last one.

  friend bool operator==(const schema_state&, const schema_state&) = default;
};

} // namespace millrace
