#pragma once

#include <cerrno>

namespace millrace::storage {

/// Whether one of the system's errors says that there is no room: on the disk, within the user's quota, or for a file
/// as large as the process may make it (RLIMIT_FSIZE).
inline bool means_full_disk(int error) noexcept {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

} // namespace millrace::storage
