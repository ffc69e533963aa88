#pragma once

#include "authority.hpp"

#include <millrace/messages/error.hpp>

#include <string>
#include <string_view>

namespace millrace::storage::sqlite {

/// Whether a name belongs to Millrace.
bool is_ours(std::string_view name) noexcept;

/// Whether an action of SQLite's authorizer changes rows of a table.
bool changes_rows(int action) noexcept;

/// Whether it makes or drops something temporary.
bool is_temporary(int action) noexcept;

/// What an action of SQLite's authorizer is in SQL, with what it is done to: `CREATE TABLE t`.
std::string action_text(int action, std::string_view object);

/// `SAVEPOINT s`, `RELEASE s` or `ROLLBACK TO s`, of which SQLite calls the first `BEGIN`.
std::string savepoint_text(std::string_view done, std::string_view name);

/// Why that is refused to `who`, and what does it instead: words that follow `action_text` and a colon.
std::string_view why_refused(authority who, int action, std::string_view object) noexcept;

/// What VACUUM is answered, about which SQLite asks no authorizer.
failure vacuum_refused();

/// What a pragma is answered that only SQLite's own modules may ask.
failure module_pragma_refused(authority who);

} // namespace millrace::storage::sqlite
