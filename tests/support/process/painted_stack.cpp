#include "painted_stack.hpp"

#include <stdexcept>

#include <pthread.h>
#include <sys/mman.h>

namespace millrace::test {

namespace {

constexpr unsigned char paint = 0xa5;

/// AddressSanitizer knows parts of the stack as somebody's.
__attribute__((no_sanitize("address"))) std::size_t untouched(const unsigned char* lowest, std::size_t bytes) noexcept {
  std::size_t count = 0;
  while (count < bytes && lowest[count] == paint) {
    ++count;
  }
  return count;
}

void* run(void* call) {
  (*static_cast<const std::function<void()>*>(call))();
  return nullptr;
}

} // namespace

std::size_t stack_used(const std::function<void()>& call, std::size_t bytes) {
  constexpr std::size_t guard_bytes = 64 * 1024;
  const auto all_bytes = guard_bytes + bytes;
  void* const mapped = mmap(nullptr, all_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* const stack = static_cast<unsigned char*>(mapped) + guard_bytes;
  if (mapped == MAP_FAILED || mprotect(stack, bytes, PROT_READ | PROT_WRITE) != 0) {
    throw std::runtime_error{"no memory for a stack"};
  }
  for (std::size_t at = 0; at < bytes; ++at) {
    stack[at] = paint;
  }
  pthread_attr_t attributes;
  pthread_t thread{};
  pthread_attr_init(&attributes);
  if (pthread_attr_setstack(&attributes, stack, bytes) != 0
      || pthread_create(&thread, &attributes, &run, const_cast<std::function<void()>*>(&call)) != 0) {
    throw std::runtime_error{"no thread with a stack of its own"};
  }
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  const auto used = bytes - untouched(stack, bytes);
  munmap(mapped, all_bytes);
  return used;
}

} // namespace millrace::test
