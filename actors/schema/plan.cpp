#include "plan.hpp"

#include "plan_hooks.hpp"
#include "plan_parts.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

/// Plans that apply migrations and take them back.
namespace millrace {

namespace {

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

} // namespace millrace
