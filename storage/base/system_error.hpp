#pragma once

#include <millrace/messages/error.hpp>

#include <filesystem>
#include <string>

#include <sys/types.h>

namespace millrace::storage {

/// What one of the system's errors (errno) is to an engine: `disk_full` where there is no room, `out_of_memory`,
/// `folder_not_writable` where this user may not use the file, else `io_error`.
errc code_of_system_error(int error) noexcept;

/// The system's words for an error with a file; where this user may not use it, with whose it is.
std::string system_words(int error, const std::filesystem::path& file);

/// The user's name or, where it has none, `#` and its number, as sudo takes it.
std::string user_name(uid_t user);

} // namespace millrace::storage
