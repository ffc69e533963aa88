#pragma once

#include "connection.hpp"

#include <optional>

namespace millrace::storage::sqlite {

/// What the SQL that was compiled last is refused where it reads a table in which a full-text module keeps its index.
/// What such a table holds depends on how the log was cut into calls, so it is no function of the log. Begins a scope
/// of the connection's rights: what these saw is forgotten.
std::optional<failure> index_read_refused(const connection& owner);

} // namespace millrace::storage::sqlite
