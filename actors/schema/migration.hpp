#pragma once

#include <millrace/actors/base/expected.hpp>
#include <millrace/messages/operations/schema.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// One migration of a set, as its files have it.
struct migration {
  std::uint64_t version = 0;
  std::string name{};
  std::string up{};                     ///< SQL that applies it.
  std::optional<std::string> down{};    ///< SQL that takes it back; nothing where that cannot be done.
  std::vector<migration_id> needs{};    ///< What must be applied before it.
  std::string before{};                 ///< SQL that is run before `up`, in its transaction; empty where there is none.
  std::string after{};                  ///< Likewise after it.
  std::chrono::milliseconds timeout{0}; ///< How long `up` may run; 0 is as long as it takes.
  std::chrono::milliseconds down_timeout{0}; ///< The same of `down`.
  std::string backfill{}; ///< The table whose rows it changes in parts; empty where it is one transaction.
};

/// SQL that a set runs around its migrations when they are applied, and not when they are taken back; empty where there
/// is none. It may change at any time.
struct set_hooks {
  std::string before_run{};  ///< Before the first that a run applies, as a transaction of its own.
  std::string after_run{};   ///< After the last, likewise.
  std::string before_each{}; ///< Before each, in its transaction, and before what the migration has itself.
  std::string after_each{};  ///< After each, likewise.
};

/// Migrations that follow each other, by rising version.
struct migration_set {
  std::string name{};
  std::vector<migration> migrations{};
  set_hooks hooks{};
};

/// A migration from the texts of its files: what the comments at the top of the first say is taken from there.
///
///     -- requires: master/0003, core/12     migrations, of other sets too, that must be applied before it
///     -- irreversible                       there is no way back, and no second file
///     -- backfill: lease                    it changes the rows of that table in parts, each a transaction of its own
///     -- timeout: 30s                       how long it may run, in ms, s, min or h; the second file has its own
///
/// `bad_option` where they say what cannot be.
[[nodiscard]] expected<migration> make_migration(std::uint64_t version, std::string name, std::string up,
                                                 std::optional<std::string> down);

/// The same from the text of a seed, of which comments say a timeout alone.
[[nodiscard]] expected<migration> make_seed(std::uint64_t number, std::string name, std::string sql);

/// The SQL of a hook from the text of its file. `bad_option` where there is no statement in it, or a comment that is
/// one of a migration.
[[nodiscard]] expected<std::string> make_hook(std::string sql);

/// The set in a folder: files `0007_add_lease.up.sql` and `0007_add_lease.down.sql`, and hooks: `before_each.sql`,
/// `0007_add_lease.before.sql`. The set is called like the folder
/// where no other name is given. `file_not_found` where there is no such folder, `bad_option` where files do not fit
/// together.
[[nodiscard]] expected<migration_set> read_migration_set(const std::filesystem::path& folder, std::string name = {});

/// All sets in a folder, each in a folder of its own, by name. Where there are none, migrations in the folder itself
/// are the set `main`, wherever that lies.
[[nodiscard]] expected<std::vector<migration_set>> read_migration_sets(const std::filesystem::path& folder);

/// The highest number of a migration in a folder, whatever stands in its files; 0 where there is none.
[[nodiscard]] expected<std::uint64_t> newest_migration(const std::filesystem::path& folder);

/// As a database records that it is applied, after a history of its set that comes to `before`. Line ends do not count:
/// a file that was checked out elsewhere is the same.
applied_migration record_of(const migration& one, const sha256& before);

/// The checksum of a migration's text.
sha256 checksum_of(const migration& one);

/// `main/0007_add_lease`; the set alone where there is no version.
std::string label_of(std::string_view set, std::uint64_t version, std::string_view name);

} // namespace millrace
