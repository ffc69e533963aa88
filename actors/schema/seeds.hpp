#pragma once

#include "plan.hpp"

#include <filesystem>
#include <vector>

/// Rows that an environment is to have: for development, for tests, for a demonstration.
namespace millrace {

/// The seeds in a folder, each environment's in a folder of its own, by its name: `seeds/dev/01_people.sql`. A seed is
/// a migration that has no way back and needs nothing; they stand by number. `file_not_found` where there is no such
/// folder, `bad_option` where a file is none that can be understood.
[[nodiscard]] expected<std::vector<migration_set>> read_seeds(const std::filesystem::path& folder);

/// How each seed of an environment stands: applied, pending, changed, which is applied again, or missing, which was
/// applied and has no file here.
[[nodiscard]] std::vector<migration_status> compare_seeds(const migration_set& environment, const schema_state& state);

/// Applies what is pending or changed. The writer passes over what another one applied meanwhile.
[[nodiscard]] migration_plan plan_seeds(const migration_set& environment, const schema_state& state);

} // namespace millrace
