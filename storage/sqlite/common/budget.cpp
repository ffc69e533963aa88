#include "budget.hpp"

#include "temporary_space.hpp"

#include <millrace/storage/base/full_disk.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>

#include <pthread.h>
#include <sqlite3.h>

namespace millrace::storage::sqlite {

namespace {

/// With what SQLite unwinds once it was refused memory.
constexpr std::int64_t unwinding_bytes = 16 * 1024 * 1024;

/// What an allocation counts beside its bytes.
constexpr std::int64_t bytes_per_allocation = 4 * 1024;

/// The lowest address of this thread's stack at which SQLite may still allocate.
constinit thread_local const char* stack_floor = nullptr;

/// Half of the stack (storage/DESIGN.md §6 rule 1). That of a program's first thread may have no bound, and then counts
/// as eight MiB.
const char* floor_of_this_thread() noexcept {
  constexpr std::size_t stack_bytes_max = 8 * 1024 * 1024;
  const auto* const here = static_cast<const char*>(__builtin_frame_address(0));
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    return here - stack_bytes_max / 8;
  }
  void* lowest = nullptr;
  std::size_t bytes = 0;
  pthread_attr_getstack(&attributes, &lowest, &bytes);
  pthread_attr_destroy(&attributes);
  return static_cast<const char*>(lowest) + bytes - std::min(bytes, stack_bytes_max) / 2;
}

std::string mib(std::int64_t kib) {
  return std::to_string(kib / 1024) + " MiB";
}

sqlite3_mem_methods usual;

} // namespace

constinit thread_local budget* budget::acting = nullptr;

/// Stands before SQLite's own allocator and lets each allocation be paid from the budget of its thread.
struct budgeted_allocator {
  static void* allocate(int bytes) {
    auto* const payer = budget::acting;
    if (payer == nullptr) {
      return usual.xMalloc(bytes);
    }
    void* const made = payer->admits(bytes) ? usual.xMalloc(bytes) : nullptr;
    payer->memory_bytes_ += made == nullptr ? 0 : usual.xSize(made);
    return made;
  }

  static void* reallocate(void* old, int bytes) {
    auto* const payer = budget::acting;
    if (payer == nullptr) {
      return usual.xRealloc(old, bytes);
    }
    const auto before = usual.xSize(old);
    void* const made = payer->admits(bytes - before) ? usual.xRealloc(old, bytes) : nullptr;
    payer->memory_bytes_ += made == nullptr ? 0 : usual.xSize(made) - before;
    return made;
  }

  static void release(void* old) {
    if (budget::acting != nullptr) {
      budget::acting->memory_bytes_ -= usual.xSize(old);
    }
    usual.xFree(old);
  }

  /// SQLite takes its allocator only before it is used for the first time.
  static bool install() {
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual);
    auto ours = usual;
    ours.xMalloc = &allocate;
    ours.xRealloc = &reallocate;
    ours.xFree = &release;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK;
  }
};

namespace {

const bool installed = budgeted_allocator::install();

} // namespace

bool budget::holds() noexcept {
  return installed;
}

void budget::find_stack() noexcept {
  if (stack_floor == nullptr) {
    stack_floor = floor_of_this_thread();
  }
}

bool budget::admits(std::int64_t bytes) noexcept {
  if (static_cast<const char*>(__builtin_frame_address(0)) < stack_floor) {
    return refuse(cause::stack);
  }
  const auto most = most_.memory_kib * 1024 + (cause_ == cause::none ? 0 : unwinding_bytes);
  if (most_.memory_kib != 0 && bytes > 0 && memory_bytes_ + bytes > most) {
    return refuse(cause::memory);
  }
  until_look_ -= bytes_per_allocation + std::max<std::int64_t>(bytes, 0);
  if (until_look_ < 0) {
    until_look_ = bytes_between_looks;
    return !look_at_time();
  }
  return true;
}

bool budget::look_at_time() noexcept {
  if (cause_ != cause::time && look_ != nullptr && look_(whose_) != 0) {
    refuse(cause::time);
  }
  return cause_ == cause::time;
}

bool budget::refuse(cause why) noexcept {
  cause_ = cause_ == cause::none ? why : cause_;
  return false;
}

bool budget::take_temporary(std::int64_t bytes, temporary_space* space) noexcept {
  budget none{{}};
  auto& payer = acting == nullptr ? none : *acting;
  const auto most = payer.most_.temporary_kib * 1024;
  if (most != 0 && bytes > 0 && payer.temporary_bytes_ + bytes > most) {
    return payer.refuse(cause::temporary);
  }
  if (space != nullptr && bytes > 0 && space->withheld()) {
    temporary_refused(ENOSPC);
    return false;
  }
  if (space != nullptr && !space->take(bytes)) {
    return payer.refuse(cause::temporary_of_all);
  }
  payer.temporary_bytes_ += bytes;
  return true;
}

bool budget::must_give_back() noexcept {
  const auto* const space = budget::space();
  const bool must = space != nullptr && acting->temporary_bytes_ > 0 && space->withheld();
  if (must) {
    temporary_refused(ENOSPC);
  }
  return must;
}

failure budget::refused_file() const {
  const auto* const space = most_.space;
  auto detail = "temporary files" + (space == nullptr ? "" : " in " + space->folder()) + ": "
                + std::generic_category().message(system_error_);
  // Who tries it again at once writes the disk full again.
  return means_full_disk(system_error_) ? failure{errc::disk_full, std::move(detail), std::chrono::seconds{1}}
                                        : failure{errc::io_error, std::move(detail)};
}

void budget::temporary_refused(int system_error) noexcept {
  if (acting != nullptr && acting->cause_ == cause::none) {
    acting->cause_ = cause::temporary_refused;
    acting->system_error_ = system_error;
  }
}

std::optional<failure> budget::overrun() {
  switch (acting == nullptr ? cause::none : acting->cause_) {
    case cause::none:
      return std::nullopt;
    case cause::memory:
      return failure{errc::over_budget, "more than " + mib(acting->most_.memory_kib) + " of memory"};
    case cause::temporary:
      return failure{errc::over_budget, "more than " + mib(acting->most_.temporary_kib) + " of temporary files"};
    case cause::temporary_of_all:
      return failure{errc::overloaded, "all that runs has " + mib(acting->most_.space->kib_max())
                                         + " of temporary files together, which is all that it may; try again when "
                                           "some of it has ended"};
    case cause::temporary_refused:
      return acting->refused_file();
    case cause::stack:
      return failure{errc::over_budget, "more than half of the thread's stack, as it is nested too deeply"};
    case cause::time:
      return failure{errc::deadline_exceeded, "it was interrupted"};
  }
  return std::nullopt;
}

} // namespace millrace::storage::sqlite
