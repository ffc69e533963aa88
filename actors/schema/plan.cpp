#include "plan.hpp"

#include "digest.hpp"
#include "plan_hooks.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace millrace {

namespace {

tl::unexpected<failure> conflict(std::string why) {
  return tl::unexpected{failure{errc::schema_conflict, std::move(why)}};
}

template <class Migrations>
auto find_version(Migrations& among, std::uint64_t version) {
  const auto found = std::ranges::find(among, version, [](const auto& one) { return one.version; });
  return found == among.end() ? nullptr : &*found;
}

sha256 tip_of(const applied_set& applied) {
  return applied.migrations.empty() ? sha256{} : applied.migrations.back().chain;
}

std::string label_of(const migration_status& one) {
  return millrace::label_of(one.id.set, one.id.version, one.name);
}

/// The first thing that is wrong with a set, as far as a plan may not pass over it.
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

planned_change planned(const std::string& set, const migration& file, schema_step step, const sha256& expected,
                       applied_migration record) {
  schema_change change{.step = step, .set = set, .expected = expected};
  change.sql = step == schema_step::down ? file.down.value_or("") : file.up;
  if (step == schema_step::up && !file.backfill.empty()) {
    change.backfill = file.backfill;
    change.rows_max = 1; // Until it is known how long they take.
  }
  change.timeout = step == schema_step::down ? file.down_timeout : file.timeout;
  change.migrations.push_back(std::move(record));
  return {.id = {set, file.version}, .name = file.name, .change = std::move(change)};
}

/// What is applied, as a plan goes on.
class outlook {
public:
  explicit outlook(const schema_state& state) {
    for (const auto& set : state.sets) {
      for (const auto& one : set.migrations) {
        applied_.emplace(set.name, one.version);
      }
      tips_[set.name] = tip_of(set);
    }
  }

  bool has(const migration_id& one) const { return applied_.contains({one.set, one.version}); }

  planned_change apply(const std::string& set, const migration& file) {
    auto& tip = tips_[set];
    auto record = record_of(file, tip);
    const auto before = std::exchange(tip, record.chain);
    applied_.emplace(set, file.version);
    return planned(set, file, schema_step::up, before, std::move(record));
  }

private:
  std::set<std::pair<std::string, std::uint64_t>> applied_;
  std::map<std::string, sha256> tips_;
};

/// What keeps a migration from being the next one.
const migration_id* missing_need(const migration& file, const outlook& seen) {
  const auto found = std::ranges::find_if(file.needs, [&](const migration_id& one) { return !seen.has(one); });
  return found == file.needs.end() ? nullptr : &*found;
}

/// Why nothing of what is left can be applied.
failure blocked(const std::vector<migration_set>& sets, const std::string& set, const migration& file,
                const migration_id& needed, bool one_set) {
  const auto text = millrace::label_of(set, file.version, file.name) + " needs "
                    + millrace::label_of(needed.set, needed.version, "");
  const auto owner = std::ranges::find(sets, needed.set, &migration_set::name);
  if (owner == sets.end() || find_version(owner->migrations, needed.version) == nullptr) {
    return {errc::schema_conflict, text + ", which is not applied and has no file here; add its set, or correct the "
                                          "line `-- requires:`"};
  }
  if (one_set && needed.set != set) {
    return {errc::schema_conflict, text + ", which is not applied; apply set " + needed.set + " first, or all sets"};
  }
  return {errc::schema_conflict, text + ", which in turn cannot be applied before it: a cycle; take one of the lines "
                                        "`-- requires:` out"};
}

} // namespace

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
             "take "
             "back what is done by `millrace migrate down`, and begin anew";
    case migration_state::missing:
      return "it is applied, and its file is missing; put it back, or forget it by `millrace migrate repair --set "
             + one.id.set + '`';
    case migration_state::late:
      return "a later one is applied already; give its files a number above all others";
    case migration_state::newer:
      return "a newer program applied it, which this one does not know; use that program, or take it back with that "
             "program's files: `millrace migrate down`";
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

expected<migration_plan> plan_up(const std::vector<migration_set>& sets, const schema_state& state,
                                 const migration_goal& goal) {
  outlook seen{state};
  std::map<std::string, std::vector<const migration*>> pending;
  std::set<std::string> owing;
  for (const auto& set : sets) {
    if (!goal.set.empty() && set.name != goal.set) {
      continue;
    }
    if (auto wrong = first_wrong(set, state)) {
      return tl::unexpected{std::move(*wrong)};
    }
    if (is_owed(set, state)) {
      owing.insert(set.name);
    }
    for (const auto& file : set.migrations) {
      if (!seen.has({set.name, file.version}) && file.version <= goal.version.value_or(INT64_MAX)) {
        pending[set.name].push_back(&file);
      }
    }
  }
  migration_plan plan;
  for (bool went_on = true; went_on && plan.size() < goal.count.value_or(SIZE_MAX);) {
    went_on = false;
    for (auto& [set, files] : pending) {
      if (!files.empty() && missing_need(*files.front(), seen) == nullptr) {
        plan.push_back(seen.apply(set, *files.front()));
        files.erase(files.begin());
        went_on = true;
        break;
      }
    }
  }
  for (const auto& [set, files] : pending) {
    if (!files.empty() && plan.size() < goal.count.value_or(SIZE_MAX)) {
      return tl::unexpected{blocked(sets, set, *files.front(), *missing_need(*files.front(), seen), !goal.set.empty())};
    }
  }
  add_hooks(plan, sets, owing);
  return plan;
}

expected<migration_plan> plan_down(const migration_set& files, const schema_state& state, std::size_t count) {
  const auto applied = applied_of(state, files.name);
  if (auto broken = check_chain(applied)) {
    return tl::unexpected{std::move(*broken)};
  }
  const auto statuses = compare(files, applied);
  migration_plan plan;
  const auto no_way_back = [&](std::uint64_t version, const std::string& name) {
    return conflict(millrace::label_of(files.name, version, name) + " cannot be taken back: it has no file "
                    + fmt::format("{:04}_{}", version, name)
                    + ".down.sql; write one, or, where it says `-- irreversible`, restore a backup");
  };
  if (const auto* const begun = backfill_of(state, files.name); begun != nullptr && count > 0) {
    const auto* const file = find_version(files.migrations, begun->id.version);
    if (file == nullptr || !file->down) {
      return no_way_back(begun->id.version, begun->name);
    }
    plan.push_back(planned(files.name, *file, schema_step::down, tip_of(applied), record_of(*file, tip_of(applied))));
  }
  for (auto at = applied.migrations.rbegin(); at != applied.migrations.rend() && plan.size() < count; ++at) {
    const auto status = std::ranges::find(statuses, at->version, [](const auto& one) { return one.id.version; });
    if (status->state != migration_state::applied) {
      return conflict(label_of(*status) + ": " + remedy_for(*status));
    }
    const auto& file = *find_version(files.migrations, at->version);
    if (!file.down) {
      return no_way_back(at->version, at->name);
    }
    plan.push_back(planned(files.name, file, schema_step::down, at->chain, *at));
  }
  return plan;
}

expected<migration_plan> plan_goto(const std::vector<migration_set>& sets, const schema_state& state,
                                   const std::string& set, std::uint64_t version) {
  const auto files = std::ranges::find(sets, set, &migration_set::name);
  if (version != 0 && find_version(files->migrations, version) == nullptr) {
    return conflict(fmt::format("set {} has no migration {}", set, version));
  }
  auto after = state;
  std::size_t above = 0;
  if (const auto* const begun = backfill_of(state, set); begun != nullptr && begun->id.version > version) {
    above = 1;
    std::erase_if(after.backfills, [&](const backfill_state& one) { return one.id.set == set; });
  }
  std::erase_if(after.owed, [&](const migration_id& since) { return since.set == set && since.version > version; });
  for (auto& one : after.sets) {
    if (one.name == set) {
      above += std::erase_if(one.migrations, [version](const auto& applied) { return applied.version > version; });
    }
  }
  auto plan = plan_down(*files, state, above);
  if (!plan) {
    return plan;
  }
  // What is above is in nobody's way any more, so one that came late can be applied.
  auto rest = plan_up(sets, after, {.set = set, .count = {}, .version = version});
  if (!rest) {
    return rest;
  }
  std::ranges::move(*rest, std::back_inserter(*plan));
  return plan;
}

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
  change.sql = told.empty() ? "-- the record had been changed" : told;
  return migration_plan{{{files.name, 0}, "", std::move(change)}};
}

} // namespace millrace
