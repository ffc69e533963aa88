#include "failing_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <filesystem>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

namespace millrace::test {

namespace {

struct call_state {
  bool active = false;
  call_fault fault;
  std::uint64_t count = 0;
  unsigned interrupted = 0; ///< How often in a row.
  std::uint64_t interruptions = 0;
  const char* struck = nullptr;
  class unsynced* unsynced = nullptr;
};

thread_local constinit call_state now;

/// The error that a call fails with now; 0 where it is to be done. POSIX lets only some calls be interrupted.
int error_of(const char* call, bool interruptible) noexcept {
  if (!now.active) {
    return 0;
  }
  if (interruptible && now.interrupted < now.fault.interruptions) {
    ++now.interrupted;
    ++now.interruptions;
    return EINTR;
  }
  now.interrupted = 0;
  ++now.count;
  const bool hit = now.count == now.fault.nth || (now.fault.lasts && now.fault.nth != 0 && now.count > now.fault.nth);
  if (!hit) {
    return 0;
  }
  now.struck = now.struck == nullptr ? call : now.struck;
  return now.fault.error;
}

bool refuses(const char* call, bool interruptible = true) noexcept {
  const int error = error_of(call, interruptible);
  if (error != 0) {
    errno = error;
  }
  return error != 0;
}

/// Whether it is the engine's: SQLite opens its files by another name of the call, and then uses some of ours.
bool ours(int descriptor) noexcept {
  return now.unsynced != nullptr && now.unsynced->knows(descriptor);
}

bool refuses_on(int descriptor, const char* call, bool interruptible = true) noexcept {
  return ours(descriptor) && refuses(call, interruptible);
}

std::size_t part_of(std::size_t bytes, int descriptor) noexcept {
  return ours(descriptor) && now.fault.bytes_max != 0 ? std::min<std::size_t>(bytes, now.fault.bytes_max) : bytes;
}

/// Gives what a call gave, and notes what it did where it succeeded.
template <class Note>
auto noting(Note note, auto given) {
  if (given >= 0 && now.unsynced != nullptr) {
    note(*now.unsynced);
  }
  return given;
}

/// The same for a call on a descriptor.
auto noting(void (unsynced::*note)(int), int descriptor, auto given) {
  if (given >= 0 && ours(descriptor)) {
    (now.unsynced->*note)(descriptor);
  }
  return given;
}

/// The call that ours stands before.
template <class Function>
Function* real(const char* name, Function*) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int noting_sync(int descriptor, int given) {
  if (given == 0 && synced_file != nullptr) {
    synced_file(descriptor);
  }
  return noting(&unsynced::synced, descriptor, given);
}

} // namespace

void unsynced::opened(int descriptor, const std::string& path, bool made) {
  path_of_[descriptor] = path;
  if (made) {
    named(path);
  }
}

void unsynced::named(const std::string& path) {
  const std::filesystem::path made{path.ends_with('/') ? path.substr(0, path.size() - 1) : path};
  paths_.insert(made.parent_path());
}

void unsynced::renamed(const std::string& from, const std::string& to) {
  if (paths_.erase(from) != 0) {
    paths_.insert(to);
  }
  for (auto& [descriptor, path] : path_of_) {
    path = path == from ? to : path;
  }
  named(to);
}

failing_calls::failing_calls(const call_fault& fault) noexcept {
  now = {.active = true, .fault = fault, .unsynced = &unsynced_};
}

failing_calls::~failing_calls() {
  now = {};
}

const char* failing_calls::struck() const noexcept {
  return now.struck;
}

std::uint64_t failing_calls::interruptions() const noexcept {
  return now.interruptions;
}

} // namespace millrace::test

using millrace::test::noting;
using millrace::test::noting_sync;
using millrace::test::ours;
using millrace::test::part_of;
using millrace::test::real;
using millrace::test::refuses;
using millrace::test::refuses_on;
using millrace::test::unsynced;

// Each is taken before the C library's by everything in this program.
extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
    va_list rest;
    va_start(rest, flags);
    mode = static_cast<mode_t>(va_arg(rest, unsigned));
    va_end(rest);
  }
  static auto* const next = real("open", &open);
  const bool makes = (flags & O_CREAT) != 0 && ::access(path, F_OK) != 0;
  const int file = refuses("open") ? -1 : next(path, flags, mode);
  return noting([&](auto& left) { left.opened(file, path, makes); }, file);
}

ssize_t pread(int file, void* into, std::size_t bytes, off_t offset) {
  static auto* const next = real("pread", &pread);
  return refuses_on(file, "pread") ? -1 : next(file, into, part_of(bytes, file), offset);
}

ssize_t pwrite(int file, const void* from, std::size_t bytes, off_t offset) {
  static auto* const next = real("pwrite", &pwrite);
  return noting(&unsynced::written, file,
                refuses_on(file, "pwrite") ? -1 : next(file, from, part_of(bytes, file), offset));
}

int fdatasync(int file) {
  static auto* const next = real("fdatasync", &fdatasync);
  return noting_sync(file, refuses_on(file, "fdatasync") ? -1 : next(file));
}

int fsync(int file) {
  static auto* const next = real("fsync", &fsync);
  return noting_sync(file, refuses_on(file, "fsync") ? -1 : next(file));
}

int ftruncate(int file, off_t bytes) noexcept {
  static auto* const next = real("ftruncate", &ftruncate);
  return noting(&unsynced::written, file, refuses_on(file, "ftruncate") ? -1 : next(file, bytes));
}

int posix_fallocate(int file, off_t offset, off_t bytes) {
  static auto* const next = real("posix_fallocate", &posix_fallocate);
  const int error = ours(file) ? millrace::test::error_of("posix_fallocate", true) : 0;
  return error != 0 ? error : next(file, offset, bytes);
}

int close(int file) {
  static auto* const next = real("close", &close);
  if (ours(file)) {
    millrace::test::now.unsynced->closed(file);
  }
  return next(file);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const next = real("rename", &rename);
  return noting([&](auto& left) { left.renamed(from, to); }, refuses("rename", false) ? -1 : next(from, to));
}

int unlink(const char* path) noexcept {
  static auto* const next = real("unlink", &unlink);
  return noting([&](auto& left) { left.removed(path); }, refuses("unlink", false) ? -1 : next(path));
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const next = real("mkdir", &mkdir);
  return noting([&](auto& left) { left.named(path); }, refuses("mkdir", false) ? -1 : next(path, mode));
}

int fchmod(int file, mode_t mode) noexcept {
  static auto* const next = real("fchmod", &fchmod);
  return refuses_on(file, "fchmod", false) ? -1 : next(file, mode);
}

} // extern "C"
