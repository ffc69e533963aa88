#pragma once

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// The VFS that is the machine's default when this is first asked for.
inline sqlite3_vfs& default_vfs() {
  static sqlite3_vfs& vfs = *sqlite3_vfs_find(nullptr);
  return vfs;
}

} // namespace millrace::storage::sqlite
