#include "plan_parts.hpp"

#include "digest.hpp"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

/// Plans that change what is recorded, and run nothing.
namespace millrace {

namespace {

/// What is recorded stays as it is while a backfill is under way.
std::optional<failure> check_rest(const migration_set& files, const schema_state& state) {
  const auto* const begun = backfill_of(state, files.name);
  return begun == nullptr ? std::nullopt
                          : std::optional{failure{
                            errc::schema_conflict,
                            "backfill " + millrace::label_of(begun->id.set, begun->id.version, begun->name)
                              + " is under way; `millrace migrate up` ends it, and `millrace migrate down` takes "
                                "it back"}};
}

} // namespace

expected<migration_plan> plan_baseline(const migration_set& files, const schema_state& state, std::uint64_t version) {
  const auto applied = applied_of(state, files.name);
  const auto newest = applied.migrations.empty() ? 0 : applied.migrations.back().version;
  if (auto begun = check_rest(files, state)) {
    return tl::unexpected{std::move(*begun)};
  }
  if (version <= newest) {
    return conflict(
      fmt::format("of set {} all up to {} that are recorded count as applied already", files.name, newest));
  }
  if (auto wrong = first_wrong(files, state)) {
    return tl::unexpected{std::move(*wrong)};
  }
  if (find_version(files.migrations, version) == nullptr) {
    return conflict(fmt::format("set {} has no migration {}", files.name, version));
  }
  schema_change change{.step = schema_step::baseline, .set = files.name, .expected = tip_of(applied)};
  auto before = change.expected;
  for (const auto& file : files.migrations) {
    if (file.version > newest && file.version <= version) {
      change.migrations.push_back(record_of(file, before));
      before = change.migrations.back().chain;
    }
  }
  return migration_plan{{{files.name, version}, change.migrations.back().name, std::move(change)}};
}

expected<migration_plan> plan_pause(const migration_set& files, const schema_state& state,
                                    schema_step pause_or_resume) {
  const auto* const begun = backfill_of(state, files.name);
  if (begun == nullptr) {
    return conflict("of set " + files.name + " no backfill is under way");
  }
  if (begun->paused == (pause_or_resume == schema_step::pause)) {
    return migration_plan{};
  }
  schema_change change{.step = pause_or_resume, .set = files.name, .expected = tip_of(applied_of(state, files.name))};
  change.migrations.push_back({.version = begun->id.version, .name = begun->name, .chain = begun->chain});
  return migration_plan{{begun->id, begun->name, std::move(change)}};
}

expected<migration_plan> plan_repair(const migration_set& files, const schema_state& state) {
  if (auto begun = check_rest(files, state)) {
    return tl::unexpected{std::move(*begun)};
  }
  const auto applied = applied_of(state, files.name);
  schema_change change{.step = schema_step::repair, .set = files.name, .expected = tip_of(applied)};
  sha256 before{};
  std::string told;
  for (const auto& one : compare(files, applied)) {
    if (one.state == migration_state::missing || one.state == migration_state::changed) {
      told += fmt::format("-- {}: {}\n", one.state == migration_state::missing ? "forgotten" : "recorded anew",
                          label_of(one));
    }
    if (one.state == migration_state::pending || one.state == migration_state::late
        || one.state == migration_state::missing) {
      continue;
    }
    auto record = one.state == migration_state::newer
                    ? *find_version(applied.migrations, one.id.version)
                    : record_of(*find_version(files.migrations, one.id.version), sha256{});
    record.chain = chain_of(before, record);
    before = record.chain;
    change.migrations.push_back(std::move(record));
  }
  if (change.migrations == applied.migrations) {
    return migration_plan{};
  }
  change.sql = told.empty() ? "-- the record had been changed\n" : told;
  return migration_plan{{{files.name, 0}, "", std::move(change)}};
}

} // namespace millrace
