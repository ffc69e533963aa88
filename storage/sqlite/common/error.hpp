#pragma once

#include <millrace/storage/database.hpp>

#include <sqlite3.h>

/// The one place where SQLite's result codes become ours.
namespace millrace::storage::sqlite {

/// Our code for one of SQLite's, plain or extended (SQLite: rescode.html).
errc code_of(int result_code) noexcept;

/// The failure that a connection reports for `result_code`, with SQLite's message and extended code in the detail. Call
/// it before anything else happens on the connection.
failure failure_of(sqlite3* database, int result_code);

/// What is due after a call over a connection that is still of use failed so.
remedy remedy_after(errc code) noexcept;

/// Whether the code may be a transaction's outcome, that is, follows from the log alone. Everything else depends on the
/// machine (disk, memory, locks) and is never an outcome (storage/DESIGN.md §1 rule 4).
bool is_outcome(errc code) noexcept;

} // namespace millrace::storage::sqlite
