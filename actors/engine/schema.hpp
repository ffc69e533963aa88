#pragma once

#include "options.hpp"

#include <millrace/messages/error.hpp>
#include <millrace/storage/database.hpp>

#include <optional>
#include <vector>

#include <tl/expected.hpp>

namespace millrace {

/// The schema scripts that `settings` names and the database has not recorded yet, in order. Errors: `file_not_found`,
/// `schema_changed` where a recorded one has another text now, `bad_option` where two have one name.
[[nodiscard]] tl::expected<std::vector<schema_script>, failure> pending_scripts(
  const options& settings, const storage::database_identity& identity);

} // namespace millrace
