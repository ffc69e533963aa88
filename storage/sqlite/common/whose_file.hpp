#pragma once

#include <millrace/storage/base/result.hpp>
#include <millrace/storage/database.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// The format of a database that is ours, 0 of one that is empty. `folder_foreign` where it is something else,
/// `folder_newer` where a newer program wrote it.
[[nodiscard]] result<std::int64_t> format_of(sqlite3* database);

/// `database_gone` where it is not the database with this identity.
[[nodiscard]] result<> check_identity(sqlite3* database, const uuid& wanted);

/// Refuses a file that is not to be touched, before SQLite plays what stands in the log beside it into it: errors of
/// `format_of`, and `database_gone` where it is not the one that is `wanted`. It is looked at as it stands there by
/// itself. Nothing is made, locked or changed, and what cannot be told so is no error. Gives whether the file is
/// Millrace's, or has no bytes yet.
[[nodiscard]] result<bool> look_at_file_alone(const std::filesystem::path& file, const std::optional<uuid>& wanted);

} // namespace millrace::storage::sqlite
