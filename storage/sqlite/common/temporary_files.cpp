#include "temporary_files.hpp"

#include "budget.hpp"
#include "default_vfs.hpp"
#include "temporary_space.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

namespace {

/// A temporary file. That of the default VFS stands right behind it.
struct paid_file {
  sqlite3_file base;
  std::int64_t bytes;
  temporary_space* space;     ///< Null: where SQLite puts it. Not owned.
  std::array<char, 512> name; ///< As long as SQLite may make one; it is looked at as long as the file is open.
};

paid_file& paid(sqlite3_file* file) noexcept {
  return *reinterpret_cast<paid_file*>(file);
}

sqlite3_file* real(sqlite3_file* file) noexcept {
  return reinterpret_cast<sqlite3_file*>(&paid(file) + 1);
}

/// What came of a call that touches the disk; where it failed, that is in the way of this work alone.
int told(int code) noexcept {
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
    budget::temporary_refused(code == SQLITE_FULL ? ENOSPC : errno);
  }
  return code;
}

/// What is given back is free by then: others go by that.
int close(sqlite3_file* file) noexcept {
  const int code = real(file)->pMethods->xClose(real(file));
  budget::take_temporary(-paid(file).bytes, paid(file).space);
  return code;
}

int write(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 at) noexcept {
  auto& known = paid(file).bytes;
  const auto end = std::max<std::int64_t>(known, at + bytes);
  if (!budget::take_temporary(end - known, paid(file).space)) {
    return SQLITE_FULL;
  }
  known = end;
  return told(real(file)->pMethods->xWrite(real(file), from, bytes, at));
}

int read(sqlite3_file* file, void* into, int bytes, sqlite3_int64 at) noexcept {
  return told(real(file)->pMethods->xRead(real(file), into, bytes, at));
}

int truncate(sqlite3_file* file, sqlite3_int64 bytes) noexcept {
  auto& known = paid(file).bytes;
  const int code = real(file)->pMethods->xTruncate(real(file), bytes);
  if (code == SQLITE_OK) {
    const auto end = std::min<std::int64_t>(known, bytes);
    budget::take_temporary(end - known, paid(file).space);
    known = end;
  }
  return told(code);
}

/// What is passed on as it is.
template <auto Method, class... Arguments>
int pass(sqlite3_file* file, Arguments... arguments) noexcept {
  return (real(file)->pMethods->*Method)(real(file), arguments...);
}

using methods = sqlite3_io_methods;
constexpr methods paid_methods{.iVersion = 1,
                               .xClose = &close,
                               .xRead = &read,
                               .xWrite = &write,
                               .xTruncate = &truncate,
                               .xSync = &pass<&methods::xSync, int>,
                               .xFileSize = &pass<&methods::xFileSize, sqlite3_int64*>,
                               .xLock = &pass<&methods::xLock, int>,
                               .xUnlock = &pass<&methods::xUnlock, int>,
                               .xCheckReservedLock = &pass<&methods::xCheckReservedLock, int*>,
                               .xFileControl = &pass<&methods::xFileControl, int, void*>,
                               .xSectorSize = &pass<&methods::xSectorSize>,
                               .xDeviceCharacteristics = &pass<&methods::xDeviceCharacteristics>};

/// SQLite names no temporary file; where the work knows a place for it, it is made there.
int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* given_flags) noexcept {
  if ((flags & SQLITE_OPEN_DELETEONCLOSE) == 0) {
    return default_vfs().xOpen(&default_vfs(), name, file, flags, given_flags);
  }
  auto& made = paid(file);
  made.base.pMethods = nullptr; // It is not open where this fails.
  made.bytes = 0;
  made.space = name == nullptr ? budget::space() : nullptr;
  if (made.space != nullptr) {
    if (!made.space->name_file(made.name)) {
      errno = ENAMETOOLONG;
      return told(SQLITE_CANTOPEN);
    }
    name = made.name.data();
  }
  const auto attempt = [&] { return default_vfs().xOpen(&default_vfs(), name, real(file), flags, given_flags); };
  int code = attempt();
  if (code != SQLITE_OK && errno == ENOENT && made.space != nullptr && made.space->make_folder()) {
    code = attempt();
  }
  if (code == SQLITE_OK) {
    made.base.pMethods = &paid_methods;
  }
  return told(code);
}

const char* register_vfs() {
  static sqlite3_vfs shim;
  shim = default_vfs();
  shim.zName = "millrace_paid";
  shim.pNext = nullptr;
  shim.szOsFile += static_cast<int>(sizeof(paid_file));
  shim.xOpen = &open;
  sqlite3_vfs_register(&shim, 0);
  return shim.zName;
}

} // namespace

const char* paid_temporary_vfs() {
  static const char* const name = register_vfs();
  return name;
}

} // namespace millrace::storage::sqlite
