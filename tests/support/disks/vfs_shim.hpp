#pragma once

#include <cstdint>
#include <string_view>

#include <sqlite3.h>

namespace millrace::test {

/// One call that SQLite makes of its file system.
struct vfs_operation {
  enum class kind { open, close, read, write, sync, truncate, size, remove, lock, unlock, shm_map, access, full_path };

  kind what{};
  std::string_view path; ///< Empty for a temporary file without a name.
  std::int64_t offset = 0;
  std::string_view bytes; ///< What is written.
  std::int64_t size = 0;  ///< Read: how many bytes; truncate: the size to be.
  int flags = 0; ///< As SQLite gave them: open, sync, lock level, access; remove: 1 where the folder is synced.
};

/// Is asked and told on the threads that use SQLite, so it locks for itself.
class vfs_observer {
public:
  /// In place of a code: a write, sync, truncate or remove is not done, and SQLite is told that it was.
  static constexpr int skip = -1;

  virtual ~vfs_observer() = default;
  /// Any code but SQLITE_OK is returned in place of doing it; a file is closed whatever is said here.
  virtual int before(const vfs_operation&) { return SQLITE_OK; }
  /// Of what was done, and with what result. Not called for what `before` prevented.
  virtual void after(const vfs_operation&, int /*code*/) {}
};

/// Stands between all of SQLite and its file system for as long as it lives, process-wide, the engine's connections
/// included. One at a time; made and destroyed while no database is open.
class vfs_shim {
public:
  explicit vfs_shim(vfs_observer& observer);
  vfs_shim(const vfs_shim&) = delete;
  vfs_shim& operator=(const vfs_shim&) = delete;
  ~vfs_shim();
};

} // namespace millrace::test
