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

constexpr std::string_view up_ending = ".up.sql";
constexpr std::string_view down_ending = ".down.sql";

struct file_pair {
  std::string name;
  fs::path up;
  fs::path down;
};

/// Notes a file by its version. `stem` is its name without the ending.
std::optional<failure> note(std::map<std::uint64_t, file_pair>& pairs, const fs::path& file, std::string_view stem,
                            bool up) {
  const auto called = read_numbered_name(stem);
  if (!called) {
    return unusable(file, "a migration is called by a number from 1 and a name, such as 0007_add_lease.up.sql").value();
  }
  auto& pair = pairs[called->number];
  auto& place = up ? pair.up : pair.down;
  if (!place.empty() || (!pair.name.empty() && pair.name != called->name)) {
    const auto& other = place.empty() ? (up ? pair.down : pair.up) : place;
    return unusable(file, fmt::format("{} has the same number; give one of both another", other.filename().string()))
      .value();
  }
  pair.name = called->name;
  place = file;
  return std::nullopt;
}

expected<std::map<std::uint64_t, file_pair>> find_pairs(const fs::path& folder) {
  const auto files = entries_of(folder);
  if (!files) {
    return tl::unexpected{files.error()};
  }
  std::map<std::uint64_t, file_pair> pairs;
  for (const auto& file : *files) {
    const auto called = file.filename().string();
    const std::string_view name{called};
    const bool up = name.ends_with(up_ending);
    if (!up && !name.ends_with(down_ending)) {
      if (called_like_sql(name)) {
        return unusable(file, "it is no migration, which ends in .up.sql or .down.sql; move it elsewhere");
      }
      continue;
    }
    const auto stem = name.substr(0, name.size() - (up ? up_ending : down_ending).size());
    if (auto wrong = note(pairs, file, stem, up)) {
      return tl::unexpected{std::move(*wrong)};
    }
  }
  return pairs;
}

expected<migration> read_migration(std::uint64_t version, const file_pair& pair) {
  if (pair.up.empty()) {
    return unusable(pair.down, "the file that it takes back, .up.sql, is missing");
  }
  auto up = read_text(pair.up);
  if (!up) {
    return tl::unexpected{std::move(up).error()};
  }
  std::optional<std::string> down;
  if (!pair.down.empty()) {
    auto text = read_text(pair.down);
    if (!text) {
      return tl::unexpected{std::move(text).error()};
    }
    down = std::move(*text);
  }
  auto made = make_migration(version, pair.name, std::move(*up), std::move(down));
  return made ? std::move(made) : unusable(pair.up, made.error().detail);
}

} // namespace

expected<migration_set> read_migration_set(const fs::path& folder, std::string name) {
  const auto pairs = find_pairs(folder);
  if (!pairs) {
    return tl::unexpected{pairs.error()};
  }
  migration_set set{.name = name.empty() ? fs::weakly_canonical(folder).filename().string() : std::move(name),
                    .migrations = {}};
  if (!pairs->empty() && !is_set_name(set.name)) {
    return unusable(folder, "no set of migrations may be called so: letters, digits, _, - and . alone");
  }
  for (const auto& [version, pair] : *pairs) {
    auto one = read_migration(version, pair);
    if (!one) {
      return tl::unexpected{std::move(one).error()};
    }
    set.migrations.push_back(std::move(*one));
  }
  return set;
}

expected<std::uint64_t> newest_migration(const fs::path& folder) {
  const auto pairs = find_pairs(folder);
  if (!pairs) {
    return tl::unexpected{pairs.error()};
  }
  return pairs->empty() ? 0 : pairs->rbegin()->first;
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
