#pragma once

#include "schema_text.hpp"

#include <millrace/actors/schema/migrator.hpp>

#include <string_view>
#include <vector>

namespace millrace::tools {

/// How a command carries out plans.
struct plan_manner {
  bool dry_run = false;
  bool json = false;
  std::string_view one = "A migration, or the part of a backfill,"; ///< What a step is, at the beginning of a sentence.
  std::string_view told_by = "millrace migrate status";             ///< The command that tells which steps took effect.
};

/// Complains; what is wrong with files or plans by its own sentence alone. Gives the exit code.
int complain_of(const failure& reason, const plan_manner& how = {});

/// What a migrator is to do for a command: it names the user, tells of each step and notes it in `taken`, which
/// outlives it, and gives up where the command is interrupted.
migrator_options told_steps(std::vector<taken_step>& taken, const plan_manner& how);

/// Carries out a plan, or only tries it, and prints what came of it. Gives the exit code.
int carry_out(migrator& by, const migrator::planner& plan, const std::vector<taken_step>& taken,
              const plan_manner& how);

} // namespace millrace::tools
