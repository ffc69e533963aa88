#include "failing_allocations.hpp"

#include <cstdlib>
#include <new>
#include <utility>

#include <sqlite3.h>

namespace millrace::test {

namespace {

struct allocation_state {
  bool counting = false;
  bool lasts = false;
  bool struck = false;
  std::uint64_t nth = 0;
  std::uint64_t count = 0;
};

thread_local constinit allocation_state now;

bool fails() noexcept {
  if (!now.counting) {
    return false;
  }
  ++now.count;
  const bool hit = now.count == now.nth || (now.lasts && now.count > now.nth);
  now.struck = now.struck || hit;
  return hit;
}

sqlite3_mem_methods usual;

void* allocate(int bytes) {
  return fails() ? nullptr : usual.xMalloc(bytes);
}

void* reallocate(void* old, int bytes) {
  return fails() ? nullptr : usual.xRealloc(old, bytes);
}

/// SQLite takes its allocator only before it is used for the first time.
bool stand_before_sqlite() {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual);
  auto ours = usual;
  ours.xMalloc = &allocate;
  ours.xRealloc = &reallocate;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK;
}

[[maybe_unused]] const bool stands_before_sqlite = stand_before_sqlite();

} // namespace

allocation_fault::allocation_fault(std::uint64_t nth, bool lasts) noexcept {
  now = {.counting = true, .lasts = lasts, .struck = false, .nth = nth, .count = 0};
}

allocation_fault::~allocation_fault() {
  now = {};
}

bool allocation_fault::struck() const noexcept {
  return now.struck;
}

std::uint64_t allocation_fault::count() const noexcept {
  return now.count;
}

unfailing_scope::unfailing_scope() noexcept : before_(std::exchange(now.counting, false)) {}

unfailing_scope::~unfailing_scope() {
  now.counting = before_;
}

/// What stands in for `operator new`; null where there is no memory.
void* allocate_or_fail(std::size_t bytes) noexcept {
  return fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}

} // namespace millrace::test

void* operator new(std::size_t bytes) {
  void* const given = millrace::test::allocate_or_fail(bytes);
  if (given == nullptr) {
    throw std::bad_alloc{};
  }
  return given;
}

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return millrace::test::allocate_or_fail(bytes);
}

void operator delete(void* given) noexcept {
  std::free(given);
}

void operator delete(void* given, std::size_t) noexcept {
  std::free(given);
}
