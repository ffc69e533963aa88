#include "plan_hooks.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace millrace {

namespace {

void add(std::vector<schema_hook>& to, std::string file, const std::string& sql) {
  if (!sql.empty()) {
    to.push_back({std::move(file), sql});
  }
}

void surround(planned_change& step, const migration_set& set) {
  const auto file = std::ranges::find(set.migrations, step.id.version, &migration::version);
  const auto stem = label_of(set.name, file->version, file->name);
  add(step.change.before, set.name + "/before_each.sql", set.hooks.before_each);
  add(step.change.before, stem + ".before.sql", file->before);
  add(step.change.after, stem + ".after.sql", file->after);
  add(step.change.after, set.name + "/after_each.sql", set.hooks.after_each);
  step.change.after_run = !set.hooks.after_run.empty();
}

void insert(migration_plan& plan, migration_plan::iterator at, const migration_set& set,
            std::string set_hooks::*which) {
  const auto& sql = set.hooks.*which;
  if (sql.empty()) {
    return;
  }
  const bool after_run = which == &set_hooks::after_run;
  planned_change step{.id = {set.name, 0}, .name = after_run ? after_run_of(set) : set.name + "/before_run.sql"};
  step.change.step = schema_step::hook;
  step.change.set = set.name;
  step.change.after_run = after_run;
  add(step.change.before, step.name, sql);
  plan.insert(at, std::move(step));
}

} // namespace

std::string after_run_of(const migration_set& set) {
  return set.name + "/after_run.sql";
}

void add_hooks(migration_plan& plan, const std::vector<migration_set>& sets, const std::set<std::string>& owing) {
  for (const auto& set : sets) {
    const auto applies = [&](const planned_change& one) {
      return one.id.set == set.name && one.change.step == schema_step::up;
    };
    if (std::ranges::none_of(plan, applies)) {
      if (owing.contains(set.name)) {
        insert(plan, plan.end(), set, &set_hooks::after_run);
      }
      continue;
    }
    for (auto& step : plan) {
      if (applies(step)) {
        surround(step, set);
      }
    }
    const auto last = std::find_if(plan.rbegin(), plan.rend(), applies).base();
    insert(plan, last, set, &set_hooks::after_run);
    const auto first = std::ranges::find_if(plan, applies);
    insert(plan, first, set, &set_hooks::before_run);
  }
}

} // namespace millrace
