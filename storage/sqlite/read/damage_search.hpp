#pragma once

#include "read_watch.hpp"

#include <millrace/storage/sqlite/common/connection.hpp>

#include <string>
#include <vector>

namespace millrace::storage::sqlite {

/// Everything that SQLite can tell is wrong with the database, a sentence each, a hundred at most: it looks at every
/// page and compares tables with their indexes and constraints. Pages have no checksum, so a value that no index
/// repeats may be wrong unnoticed (SQLite: pragma.html, integrity_check). Holds one snapshot; interrupted as `limits`
/// have it. `corrupt` where the damage keeps it from looking.
[[nodiscard]] result<std::vector<std::string>> find_damage(connection& database, const read_watch& limits);

} // namespace millrace::storage::sqlite
