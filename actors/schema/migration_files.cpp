#include "migration.hpp"
#include "sql_files.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

/// Migrations as files.
namespace millrace {

namespace {

namespace fs = std::filesystem;

/// The files of one migration.
struct migration_paths {
  std::string name;
  fs::path up;
  fs::path down;
  fs::path before;
  fs::path after;
};

constexpr std::pair<std::string_view, fs::path migration_paths::*> endings[]{{".up.sql", &migration_paths::up},
                                                                             {".down.sql", &migration_paths::down},
                                                                             {".before.sql", &migration_paths::before},
                                                                             {".after.sql", &migration_paths::after}};

constexpr std::pair<std::string_view, std::string set_hooks::*> hook_files[]{
  {"before_run.sql", &set_hooks::before_run},
  {"after_run.sql", &set_hooks::after_run},
  {"before_each.sql", &set_hooks::before_each},
  {"after_each.sql", &set_hooks::after_each}};

using paths_by_version = std::map<std::uint64_t, migration_paths>;

/// Notes a file by its version. `stem` is its name without the ending, which says what it is.
std::optional<failure> note(paths_by_version& all, const fs::path& file, std::string_view stem,
                            fs::path migration_paths::*what) {
  const auto called = read_numbered_name(stem);
  if (!called) {
    return unusable(file, "a migration is called by a number from 1 and a name, such as 0007_add_lease.up.sql").value();
  }
  auto& paths = all[called->number];
  auto& place = paths.*what;
  if (!place.empty() || (!paths.name.empty() && paths.name != called->name)) {
    const auto other = std::ranges::find_if(endings, [&](const auto& one) { return !(paths.*one.second).empty(); });
    return unusable(file, fmt::format("{} has the same number; give one of both another",
                                      (place.empty() ? paths.*other->second : place).filename().string()))
      .value();
  }
  paths.name = called->name;
  place = file;
  return std::nullopt;
}

expected<paths_by_version> find_paths(const fs::path& folder) {
  const auto files = entries_of(folder);
  if (!files) {
    return tl::unexpected{files.error()};
  }
  paths_by_version all;
  for (const auto& file : *files) {
    const auto called = file.filename().string();
    const std::string_view name{called};
    const bool hook = std::ranges::any_of(hook_files, [&](const auto& one) { return one.first == name; });
    const auto ending = std::ranges::find_if(endings, [&](const auto& one) { return name.ends_with(one.first); });
    if (!hook && ending == std::end(endings)) {
      if (called_like_sql(name)) {
        return unusable(file, "it is no migration, which ends in .up.sql or .down.sql, and no hook; move it elsewhere");
      }
      continue;
    }
    if (hook) {
      continue;
    }
    if (auto wrong = note(all, file, name.substr(0, name.size() - ending->first.size()), ending->second)) {
      return tl::unexpected{std::move(*wrong)};
    }
  }
  return all;
}

/// Nothing where there is no such file. A link that leads nowhere is one.
expected<std::string> read_hook(const fs::path& file) {
  std::error_code none;
  if (file.empty() || !fs::exists(fs::symlink_status(file, none))) {
    return {};
  }
  auto text = read_text(file);
  if (!text) {
    return text;
  }
  auto made = make_hook(std::move(*text));
  return made ? made : unusable(file, made.error().detail);
}

std::optional<failure> read_hooks(migration_set& set, const fs::path& folder) {
  for (const auto& [name, place] : hook_files) {
    auto sql = read_hook(folder / name);
    if (!sql) {
      return std::move(sql).error();
    }
    if (!sql->empty() && set.migrations.empty()) {
      return unusable(folder / name, "there is no migration beside it; move it into the folder of a set").value();
    }
    set.hooks.*place = std::move(*sql);
  }
  return std::nullopt;
}

expected<migration> read_migration(std::uint64_t version, const migration_paths& paths) {
  if (paths.up.empty() && !paths.down.empty()) {
    return unusable(paths.down, "the file that it takes back, .up.sql, is missing");
  }
  if (paths.up.empty()) {
    return unusable(paths.before.empty() ? paths.after : paths.before, "its migration, .up.sql, is missing");
  }
  auto up = read_text(paths.up);
  if (!up) {
    return tl::unexpected{std::move(up).error()};
  }
  std::optional<std::string> down;
  if (!paths.down.empty()) {
    auto text = read_text(paths.down);
    if (!text) {
      return tl::unexpected{std::move(text).error()};
    }
    down = std::move(*text);
  }
  auto made = make_migration(version, paths.name, std::move(*up), std::move(down));
  if (!made) {
    return unusable(paths.up, made.error().detail);
  }
  auto before = read_hook(paths.before);
  auto after = read_hook(paths.after);
  if (!before || !after) {
    return tl::unexpected{before ? after.error() : before.error()};
  }
  made->before = std::move(*before);
  made->after = std::move(*after);
  return made;
}

} // namespace

expected<migration_set> read_migration_set(const fs::path& folder, std::string name) {
  const auto paths = find_paths(folder);
  if (!paths) {
    return tl::unexpected{paths.error()};
  }
  migration_set set{.name = name.empty() ? fs::weakly_canonical(folder).filename().string() : std::move(name),
                    .migrations = {},
                    .hooks = {}};
  if (!paths->empty() && !is_set_name(set.name)) {
    return unusable(folder, "no set of migrations may be called so: letters, digits, _, - and . alone");
  }
  for (const auto& [version, files] : *paths) {
    auto one = read_migration(version, files);
    if (!one) {
      return tl::unexpected{std::move(one).error()};
    }
    set.migrations.push_back(std::move(*one));
  }
  if (auto wrong = read_hooks(set, folder)) {
    return tl::unexpected{std::move(*wrong)};
  }
  return set;
}

expected<std::uint64_t> newest_migration(const fs::path& folder) {
  const auto paths = find_paths(folder);
  if (!paths) {
    return tl::unexpected{paths.error()};
  }
  return paths->empty() ? 0 : paths->rbegin()->first;
}

expected<std::vector<migration_set>> read_migration_sets(const fs::path& folder) {
  auto whole = read_migration_set(folder, "main");
  if (!whole) {
    return tl::unexpected{std::move(whole).error()};
  }
  std::vector<migration_set> sets;
  std::vector<fs::path> below;
  for (const auto& one : fs::directory_iterator{folder}) {
    const auto name = one.path().filename().string();
    if (one.is_directory() && name != "seeds" && !name.starts_with('.')) {
      below.push_back(one.path());
    }
  }
  std::ranges::sort(below);
  for (const auto& one : below) {
    auto set = read_migration_set(one);
    if (!set) {
      return tl::unexpected{std::move(set).error()};
    }
    if (!set->migrations.empty()) {
      sets.push_back(std::move(*set));
    }
  }
  if (whole->migrations.empty()) {
    return sets;
  }
  if (!sets.empty()) {
    return unusable(folder, fmt::format("there are migrations in it, and in {} below it; move them into a folder of "
                                        "their own, such as main",
                                        sets.front().name));
  }
  sets.push_back(std::move(*whole));
  return sets;
}

} // namespace millrace
