#include "vfs_shim.hpp"

#include <atomic>
#include <cstddef>
#include <new>

namespace millrace::test {

namespace {

using kind = vfs_operation::kind;

std::atomic<vfs_observer*> observer_now{nullptr};

sqlite3_vfs& inner() {
  static sqlite3_vfs& vfs = *sqlite3_vfs_find("unix");
  return vfs;
}

/// Asks, does, tells.
template <class Action>
int observed(const vfs_operation& operation, Action&& action) {
  auto* const observer = observer_now.load(std::memory_order_acquire);
  if (observer == nullptr) {
    return action();
  }
  if (const int code = observer->before(operation); code != SQLITE_OK) {
    return code == vfs_observer::skip ? SQLITE_OK : code;
  }
  const int code = action();
  observer->after(operation, code);
  return code;
}

/// SQLite's handle; the inner file system's stands behind it in the same piece of memory.
struct shim_file {
  sqlite3_file base;
  const char* path; ///< SQLite's; it outlives the handle.

  sqlite3_file* inner_file() noexcept { return reinterpret_cast<sqlite3_file*>(this + 1); }
  std::string_view name() const noexcept { return path == nullptr ? std::string_view{} : std::string_view{path}; }
};
static_assert(sizeof(shim_file) % alignof(std::max_align_t) == 0);

shim_file& shim_of(sqlite3_file* file) noexcept {
  return *reinterpret_cast<shim_file*>(file);
}

sqlite3_file* inner_of(sqlite3_file* file) noexcept {
  return shim_of(file).inner_file();
}

const sqlite3_io_methods& methods_of(sqlite3_file* file) noexcept {
  return *inner_of(file)->pMethods;
}

int close_file(sqlite3_file* file) {
  const vfs_operation operation{.what = kind::close, .path = shim_of(file).name()};
  auto* const observer = observer_now.load(std::memory_order_acquire);
  const int refused = observer == nullptr ? SQLITE_OK : observer->before(operation);
  const int code = methods_of(file).xClose(inner_of(file));
  if (observer != nullptr && refused == SQLITE_OK) {
    observer->after(operation, code);
  }
  return refused == SQLITE_OK || refused == vfs_observer::skip ? code : refused;
}

int read_file(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
  return observed({.what = kind::read, .path = shim_of(file).name(), .offset = offset, .size = size},
                  [&] { return methods_of(file).xRead(inner_of(file), into, size, offset); });
}

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  const std::string_view written{static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
  return observed({.what = kind::write, .path = shim_of(file).name(), .offset = offset, .bytes = written, .size = size},
                  [&] { return methods_of(file).xWrite(inner_of(file), bytes, size, offset); });
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return observed({.what = kind::truncate, .path = shim_of(file).name(), .size = size},
                  [&] { return methods_of(file).xTruncate(inner_of(file), size); });
}

int sync_file(sqlite3_file* file, int flags) {
  return observed({.what = kind::sync, .path = shim_of(file).name(), .flags = flags},
                  [&] { return methods_of(file).xSync(inner_of(file), flags); });
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  return observed({.what = kind::size, .path = shim_of(file).name()},
                  [&] { return methods_of(file).xFileSize(inner_of(file), size); });
}

int lock_file(sqlite3_file* file, int level) {
  return observed({.what = kind::lock, .path = shim_of(file).name(), .flags = level},
                  [&] { return methods_of(file).xLock(inner_of(file), level); });
}

int unlock_file(sqlite3_file* file, int level) {
  return observed({.what = kind::unlock, .path = shim_of(file).name(), .flags = level},
                  [&] { return methods_of(file).xUnlock(inner_of(file), level); });
}

int check_reserved_lock(sqlite3_file* file, int* result) {
  return methods_of(file).xCheckReservedLock(inner_of(file), result);
}

int file_control(sqlite3_file* file, int operation, void* argument) {
  return methods_of(file).xFileControl(inner_of(file), operation, argument);
}

int sector_size(sqlite3_file* file) {
  return methods_of(file).xSectorSize(inner_of(file));
}

int device_characteristics(sqlite3_file* file) {
  return methods_of(file).xDeviceCharacteristics(inner_of(file));
}

int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** mapped) {
  // Extending is what can fail for want of room; it is told by `flags`.
  return observed(
    {.what = kind::shm_map, .path = shim_of(file).name(), .offset = region, .size = size, .flags = extend},
    [&] { return methods_of(file).xShmMap(inner_of(file), region, size, extend, mapped); });
}

int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return methods_of(file).xShmLock(inner_of(file), offset, count, flags);
}

void shm_barrier(sqlite3_file* file) {
  methods_of(file).xShmBarrier(inner_of(file));
}

int shm_unmap(sqlite3_file* file, int remove) {
  return methods_of(file).xShmUnmap(inner_of(file), remove);
}

int fetch(sqlite3_file* file, sqlite3_int64 offset, int size, void** page) {
  return methods_of(file).xFetch(inner_of(file), offset, size, page);
}

int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
  return methods_of(file).xUnfetch(inner_of(file), offset, page);
}

constexpr sqlite3_io_methods shim_methods{
  .iVersion = 3,
  .xClose = &close_file,
  .xRead = &read_file,
  .xWrite = &write_file,
  .xTruncate = &truncate_file,
  .xSync = &sync_file,
  .xFileSize = &size_of_file,
  .xLock = &lock_file,
  .xUnlock = &unlock_file,
  .xCheckReservedLock = &check_reserved_lock,
  .xFileControl = &file_control,
  .xSectorSize = &sector_size,
  .xDeviceCharacteristics = &device_characteristics,
  .xShmMap = &shm_map,
  .xShmLock = &shm_lock,
  .xShmBarrier = &shm_barrier,
  .xShmUnmap = &shm_unmap,
  .xFetch = &fetch,
  .xUnfetch = &unfetch,
};

int open_file(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  auto& shim = *new (file) shim_file{{nullptr}, path};
  const int code = observed({.what = kind::open, .path = shim.name(), .flags = flags},
                            [&] { return inner().xOpen(&inner(), path, shim.inner_file(), flags, flags_out); });
  // SQLite closes a handle whose methods are set, also after a failure.
  if (code == SQLITE_OK) {
    shim.base.pMethods = &shim_methods;
  }
  return code;
}

int remove_file(sqlite3_vfs*, const char* path, int sync_folder) {
  return observed({.what = kind::remove, .path = path, .flags = sync_folder},
                  [&] { return inner().xDelete(&inner(), path, sync_folder); });
}

int access_file(sqlite3_vfs*, const char* path, int flags, int* result) {
  return observed({.what = kind::access, .path = path, .flags = flags},
                  [&] { return inner().xAccess(&inner(), path, flags, result); });
}

int full_path(sqlite3_vfs*, const char* path, int size, char* full) {
  return observed({.what = kind::full_path, .path = path},
                  [&] { return inner().xFullPathname(&inner(), path, size, full); });
}

/// Makes a file system's files ours and leaves its clock alone.
void lead_through_shim(sqlite3_vfs& vfs) {
  vfs.szOsFile = static_cast<int>(sizeof(shim_file)) + inner().szOsFile;
  vfs.xOpen = &open_file;
  vfs.xDelete = &remove_file;
  vfs.xAccess = &access_file;
  vfs.xFullPathname = &full_path;
}

/// Once made it stays: the engine's writer keeps a copy of SQLite's default file system for the life of the process.
/// Where it has made the copy already, that is led through here as well. Without an observer all passes through.
bool install() {
  static sqlite3_vfs shim = inner();
  shim.zName = "millrace_test";
  shim.pNext = nullptr;
  lead_through_shim(shim);
  if (auto* const engines_own = sqlite3_vfs_find("millrace")) {
    lead_through_shim(*engines_own);
  }
  return sqlite3_vfs_register(&shim, 1) == SQLITE_OK;
}

} // namespace

vfs_shim::vfs_shim(vfs_observer& observer) {
  static const bool installed = install();
  observer_now.store(installed ? &observer : nullptr, std::memory_order_release);
}

vfs_shim::~vfs_shim() {
  observer_now.store(nullptr, std::memory_order_release);
}

} // namespace millrace::test
