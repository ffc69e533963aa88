#pragma once

#include <millrace/messages/operations/schema.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace millrace::storage::sqlite {

/// What a migration needs, as a row of `millrace_migrations` has it: ` master/3 core/12 `, empty where that is nothing.
/// Names of sets hold no space (`is_set_name`), so what needs one is found by its text.
std::string needs_text(const std::vector<migration_id>& needs);
std::vector<migration_id> read_needs(std::string_view text);

} // namespace millrace::storage::sqlite
