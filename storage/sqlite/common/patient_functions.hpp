#pragma once

#include <millrace/storage/base/result.hpp>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Replaces those of SQLite's functions that take a time which grows with the product of their arguments' lengths, and
/// in which nothing interrupts them: one `trim` of 2 MB by 2 MB took 221 s. These give the same and end when the time
/// of the budget that acts on their thread is up (budget.hpp), or take no longer than their arguments are long.
///
/// SQLite knows only its own LIKE and GLOB as what an index on a text can serve: a range of a column (`a >= 'x' AND a <
/// 'y'`) does what these prefixes did.
[[nodiscard]] result<> install_patient_functions(sqlite3* database);

} // namespace millrace::storage::sqlite
