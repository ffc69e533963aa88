#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/database.hpp>

#include <atomic>

#include <tl/expected.hpp>

namespace millrace {

/// The files of a folder that was copied while it was in use are of different moments, and may contradict each other.
/// Looks through the whole database of such a copy, and refuses one that is damaged (`corrupt`). The database must be
/// prepared. Takes as long as reading all of it, or until `called_off` is set (`shutting_down`; null means never); does
/// nothing where the folder is no such copy.
[[nodiscard]] tl::expected<void, failure> check_copy(storage::folder& data, storage::database& database,
                                                     const std::atomic<bool>* called_off);

/// Adds to what was found wrong with the database how that comes about, where the folder is such a copy.
[[nodiscard]] failure explained(failure found, const storage::folder& data);

} // namespace millrace
