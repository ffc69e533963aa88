#pragma once

#include "plan.hpp"

#include <set>
#include <string>
#include <vector>

namespace millrace {

/// What people call the hook of a set that ends a run.
std::string after_run_of(const migration_set& set);

/// Puts the hooks of sets around what a plan applies: those of each migration into its change, those of a run as steps
/// before the first migration of the set and after the last. What is taken back has none. Where nothing is applied of a
/// set that is among `owing`, the hook after a run is what is left to do.
void add_hooks(migration_plan& plan, const std::vector<migration_set>& sets, const std::set<std::string>& owing);

} // namespace millrace
