#pragma once

#include "migration.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What is to be done about files of migrations and a database. Pure: no file is read, nothing is sent.
namespace millrace {

/// How a migration stands in its files and in a database.
enum class migration_state : std::uint8_t {
  applied,
  begun,   ///< It is a backfill, and some of its parts are done.
  stuck,   ///< The same, and its file is not as it was when it was begun.
  pending, ///< Its file is there; it comes after all that is applied.
  late,    ///< Its file is there, and a later one is applied.
  changed, ///< It is applied, and its file says something else now.
  missing, ///< It is applied, and there is no file of it, though there are later ones.
  newer,   ///< It is applied, and comes after all files: by a newer program.
  owed,    ///< It is no migration, but the hook after a run that has not come to it. The next run does.
};

/// `applied`, `missing`.
const char* to_text(migration_state state) noexcept;

struct migration_status {
  migration_id id{};
  std::string name{};
  migration_state state = migration_state::pending;

  friend bool operator==(const migration_status&, const migration_status&) = default;
};

/// What is wrong, and the one thing that mends it, as a sentence; empty of what is applied, begun, pending or owed.
std::string remedy_for(const migration_status& one);

/// All migrations of a set, by version.
[[nodiscard]] std::vector<migration_status> compare(const migration_set& files, const applied_set& applied);

/// The same, where what is under way is known, too, and last what is owed.
[[nodiscard]] std::vector<migration_status> compare(const migration_set& files, const schema_state& state);

/// The backfill of a set that is under way; null where there is none.
const backfill_state* backfill_of(const schema_state& state, const std::string& set);

/// What is recorded of a set in `state`; nothing applied where it is not in it.
applied_set applied_of(const schema_state& state, const std::string& set);

/// Why the recorded chain does not follow from what is recorded beside it: somebody changed that. Nothing where it
/// does.
[[nodiscard]] std::optional<failure> check_chain(const applied_set& applied);

/// A step, and what it is about.
struct planned_change {
  migration_id id{};  ///< Without a version where it is of the set.
  std::string name{}; ///< Of the migration; of a hook its file.
  schema_change change{};
};

using migration_plan = std::vector<planned_change>;

/// How far a plan goes.
struct migration_goal {
  std::string set{};                      ///< All sets where it is empty.
  std::optional<std::size_t> count{};     ///< At most so many steps.
  std::optional<std::uint64_t> version{}; ///< Up to this one.
};

/// Applies what is pending, each after what it needs, with the hooks of each set, and those that are owed.
/// `schema_conflict` where something is wrong with the files, and where what one needs is not there, or needs it in
/// turn.
[[nodiscard]] expected<migration_plan> plan_up(const std::vector<migration_set>& sets, const schema_state& state,
                                               const migration_goal& goal);
/// Takes back so many of a set, the newest first; a backfill that is under way is the first of them.
[[nodiscard]] expected<migration_plan> plan_down(const migration_set& files, const schema_state& state,
                                                 std::size_t count);
/// Up or down to a version, 0 being none.
[[nodiscard]] expected<migration_plan> plan_goto(const std::vector<migration_set>& sets, const schema_state& state,
                                                 const std::string& set, std::uint64_t version);
/// Lets what is pending up to a version count as applied.
[[nodiscard]] expected<migration_plan> plan_baseline(const migration_set& files, const schema_state& state,
                                                     std::uint64_t version);
/// Lets a set's backfill go no further, or on.
[[nodiscard]] expected<migration_plan> plan_pause(const migration_set& files, const schema_state& state,
                                                  schema_step pause_or_resume);
/// Records what the files say of what is applied; what has no file any more is forgotten, unless it is of a newer
/// program. The SQL of the step runs nothing and tells what that is. Empty where all is recorded already.
[[nodiscard]] expected<migration_plan> plan_repair(const migration_set& files, const schema_state& state);

} // namespace millrace
