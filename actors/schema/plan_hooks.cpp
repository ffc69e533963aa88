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
}

void insert(migration_plan& plan, migration_plan::iterator at, const std::string& set, std::string file,
            const std::string& sql) {
  if (sql.empty()) {
    return;
  }
  planned_change step{.id = {set, 0}, .name = file, .change = {}};
  step.change.step = schema_step::hook;
  step.change.set = set;
  add(step.change.before, std::move(file), sql);
  plan.insert(at, std::move(step));
}

} // namespace

void add_hooks(migration_plan& plan, const std::vector<migration_set>& sets) {
  for (const auto& set : sets) {
    const auto applies = [&](const planned_change& one) {
      return one.id.set == set.name && one.change.step == schema_step::up;
    };
    if (std::ranges::none_of(plan, applies)) {
      continue;
    }
    for (auto& step : plan) {
      if (applies(step)) {
        surround(step, set);
      }
    }
    const auto last = std::find_if(plan.rbegin(), plan.rend(), applies).base();
    insert(plan, last, set.name, set.name + "/after_run.sql", set.hooks.after_run);
    const auto first = std::ranges::find_if(plan, applies);
    insert(plan, first, set.name, set.name + "/before_run.sql", set.hooks.before_run);
  }
}

} // namespace millrace
