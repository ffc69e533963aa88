#pragma once

#include "settings.hpp"

#include <millrace/storage/database.hpp>

namespace millrace::storage::sqlite {

/// `database::prepare` for a file.
[[nodiscard]] result<database_identity> prepare_file(const settings& chosen, bool create);

} // namespace millrace::storage::sqlite
