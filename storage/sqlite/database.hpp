#pragma once

#include "options.hpp"

#include <millrace/storage/database.hpp>

#include <filesystem>
#include <memory>
#include <optional>

namespace millrace::storage::sqlite {

/// A database in one SQLite file. Its journal is SQLite's write-ahead log, counted in pages; one log always gives the
/// same database.
///
/// Fencing: whoever opens a file through this holds the lock of the folder that it is in (`storage::folder`), so there
/// is no other process, and makes one such object for it. Its writers share a fence, which only the one that was opened
/// last may pass.
///
/// `wanted` is the identity that it must have, where that is known: another is `database_gone`, and left as it is.
std::unique_ptr<storage::database> make_database(std::filesystem::path file, const database_options& options = {},
                                                 const sqlite_options& own = {},
                                                 const std::optional<uuid>& wanted = std::nullopt);

} // namespace millrace::storage::sqlite
