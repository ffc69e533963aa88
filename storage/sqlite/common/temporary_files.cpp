#include "temporary_files.hpp"

#include "budget.hpp"
#include "default_vfs.hpp"

#include <algorithm>
#include <cstdint>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

namespace {

/// A temporary file. That of the default VFS stands right behind it.
struct paid_file {
  sqlite3_file base;
  std::int64_t bytes;
};

sqlite3_file* real(sqlite3_file* file) noexcept {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<paid_file*>(file) + 1);
}

int close(sqlite3_file* file) noexcept {
  budget::take_temporary(-reinterpret_cast<paid_file*>(file)->bytes);
  return real(file)->pMethods->xClose(real(file));
}

int write(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 at) noexcept {
  auto& known = reinterpret_cast<paid_file*>(file)->bytes;
  const auto end = std::max<std::int64_t>(known, at + bytes);
  if (!budget::take_temporary(end - known)) {
    return SQLITE_FULL;
  }
  known = end;
  return real(file)->pMethods->xWrite(real(file), from, bytes, at);
}

int truncate(sqlite3_file* file, sqlite3_int64 bytes) noexcept {
  auto& known = reinterpret_cast<paid_file*>(file)->bytes;
  const auto end = std::min<std::int64_t>(known, bytes);
  budget::take_temporary(end - known);
  known = end;
  return real(file)->pMethods->xTruncate(real(file), bytes);
}

/// What is passed on as it is.
template <auto Method, class... Arguments>
int pass(sqlite3_file* file, Arguments... arguments) noexcept {
  return (real(file)->pMethods->*Method)(real(file), arguments...);
}

using methods = sqlite3_io_methods;
constexpr methods paid_methods{.iVersion = 1,
                               .xClose = &close,
                               .xRead = &pass<&methods::xRead, void*, int, sqlite3_int64>,
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

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* given_flags) noexcept {
  if ((flags & SQLITE_OPEN_DELETEONCLOSE) == 0) {
    return default_vfs().xOpen(&default_vfs(), name, file, flags, given_flags);
  }
  file->pMethods = nullptr; // It is not open where this fails.
  const int code = default_vfs().xOpen(&default_vfs(), name, real(file), flags, given_flags);
  if (code == SQLITE_OK) {
    *reinterpret_cast<paid_file*>(file) = {{&paid_methods}, 0};
  }
  return code;
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
