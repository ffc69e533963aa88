#pragma once

#include "plan.hpp"

#include <vector>

namespace millrace {

/// Puts the hooks of sets around what a plan applies: those of each migration into its change, those of a run as steps
/// before the first migration of the set and after the last. What is taken back has none.
void add_hooks(migration_plan& plan, const std::vector<migration_set>& sets);

} // namespace millrace
