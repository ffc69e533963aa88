#include "plan_parts.hpp"

#include "digest.hpp"
#include "plan_hooks.hpp"

#include <algorithm>
#include <map>
#include <utility>

/// How migrations stand.
namespace millrace {

namespace {

/// What is pending before a backfill that is under way comes too late.
void put_under_way(std::vector<migration_status>& all, migration_status begun) {
  const auto version = [](const migration_status& one) { return one.id.version; };
  std::erase_if(all, [&](const migration_status& one) { return one.id == begun.id; });
  const auto place = std::ranges::lower_bound(all, begun.id.version, {}, version);
  for (auto one = all.begin(); one != place; ++one) {
    one->state = one->state == migration_state::pending ? migration_state::late : one->state;
  }
  all.insert(place, std::move(begun));
}

} // namespace

tl::unexpected<failure> conflict(std::string why) {
  return tl::unexpected{failure{errc::schema_conflict, std::move(why)}};
}

sha256 tip_of(const applied_set& applied) {
  return applied.migrations.empty() ? sha256{} : applied.migrations.back().chain;
}

std::string label_of(const migration_status& one) {
  return millrace::label_of(one.id.set, one.id.version, one.name);
}

const char* to_text(migration_state state) noexcept {
  switch (state) {
    case migration_state::applied:
      return "applied";
    case migration_state::begun:
      return "under way";
    case migration_state::stuck:
      return "stuck";
    case migration_state::pending:
      return "pending";
    case migration_state::late:
      return "late";
    case migration_state::changed:
      return "changed";
    case migration_state::missing:
      return "missing";
    case migration_state::newer:
      return "newer";
    case migration_state::owed:
      return "owed";
  }
  return "unknown";
}

std::string remedy_for(const migration_status& one) {
  switch (one.state) {
    case migration_state::changed:
      return "its file was changed or renamed after it was applied; put back the text, and let a new migration correct "
             "it, or, where the change has no effect, `millrace migrate repair` records the new one";
    case migration_state::stuck:
      return "its file was changed, renamed or removed while its backfill was under way; put it back as it was, or "
             "take back what is done by `millrace migrate down`, and begin anew";
    case migration_state::missing:
      return "it is applied, and its file is missing; put it back, or forget it by `millrace migrate repair --set "
             + one.id.set + '`';
    case migration_state::late:
      return "a later one is applied already; give its files a number above all others";
    case migration_state::newer:
      return "a newer program applied it, which this one does not know; use that program, or take it back with that "
             "program's files: `millrace migrate down`; where its files are lost, write them anew, and `millrace "
             "migrate repair` records them";
    default:
      return "";
  }
}

std::vector<migration_status> compare(const migration_set& files, const applied_set& applied) {
  std::map<std::uint64_t, migration_status> all;
  const auto last_file = files.migrations.empty() ? std::uint64_t{INT64_MAX} : files.migrations.back().version;
  const auto last_applied = applied.migrations.empty() ? 0 : applied.migrations.back().version;
  for (const auto& one : applied.migrations) {
    const auto* const file = find_version(files.migrations, one.version);
    auto state = one.version > last_file ? migration_state::newer : migration_state::missing;
    if (file != nullptr) {
      const bool same = file->name == one.name && checksum_of(*file) == one.checksum;
      state = same ? migration_state::applied : migration_state::changed;
    }
    all[one.version] = {{files.name, one.version}, one.name, state};
  }
  for (const auto& file : files.migrations) {
    const auto state = file.version < last_applied ? migration_state::late : migration_state::pending;
    all.try_emplace(file.version, migration_status{{files.name, file.version}, file.name, state});
  }
  std::vector<migration_status> list;
  list.reserve(all.size());
  for (auto& [version, one] : all) {
    list.push_back(std::move(one));
  }
  return list;
}

std::vector<migration_status> compare(const migration_set& files, const schema_state& state) {
  const auto applied = applied_of(state, files.name);
  auto all = compare(files, applied);
  if (const auto* const begun = backfill_of(state, files.name)) {
    const auto* const file = find_version(files.migrations, begun->id.version);
    const bool same = file != nullptr && record_of(*file, tip_of(applied)).chain == begun->chain;
    put_under_way(all, {begun->id, begun->name, same ? migration_state::begun : migration_state::stuck});
  }
  if (is_owed(files, state)) {
    all.push_back({{files.name, 0}, after_run_of(files), migration_state::owed});
  }
  return all;
}

const backfill_state* backfill_of(const schema_state& state, const std::string& set) {
  const auto found = std::ranges::find(state.backfills, set, [](const backfill_state& one) { return one.id.set; });
  return found == state.backfills.end() ? nullptr : &*found;
}

applied_set applied_of(const schema_state& state, const std::string& set) {
  const auto found = std::ranges::find(state.sets, set, &applied_set::name);
  return found == state.sets.end() ? applied_set{.name = set, .migrations = {}} : *found;
}

std::optional<failure> check_chain(const applied_set& applied) {
  sha256 before{};
  for (const auto& one : applied.migrations) {
    if (chain_of(before, one) != one.chain) {
      return failure{errc::schema_conflict,
                     millrace::label_of(applied.name, one.version, one.name)
                       + ": what is recorded of it was changed by somebody else; `millrace migrate repair` records anew "
                         "what the files say"};
    }
    before = one.chain;
  }
  return std::nullopt;
}

std::optional<failure> first_wrong(const migration_set& files, const schema_state& state) {
  if (auto broken = check_chain(applied_of(state, files.name))) {
    return broken;
  }
  for (const auto& one : compare(files, state)) {
    if (auto remedy = remedy_for(one); !remedy.empty()) {
      return failure{errc::schema_conflict, label_of(one) + ": " + remedy};
    }
  }
  const auto* const begun = backfill_of(state, files.name);
  if (begun != nullptr && begun->paused) {
    return failure{errc::schema_conflict, "backfill "
                                            + millrace::label_of(begun->id.set, begun->id.version, begun->name)
                                            + " is paused; `millrace migrate resume` lets it go on"};
  }
  return std::nullopt;
}

bool is_owed(const migration_set& files, const schema_state& state) {
  return !files.hooks.after_run.empty()
         && std::ranges::find(state.owed, files.name, &migration_id::set) != state.owed.end();
}

} // namespace millrace
