#pragma once

#include <cstddef>
#include <fstream>

#include <unistd.h>

#if defined(__has_feature)
#define MILLRACE_HAS_FEATURE(feature) __has_feature(feature)
#else
#define MILLRACE_HAS_FEATURE(feature) 0
#endif

namespace millrace::test {

/// The address sanitizer keeps so much of what was freed, to see it used again.
constexpr std::size_t kept_by_sanitizer_mib = MILLRACE_HAS_FEATURE(address_sanitizer) ? 256 : 0;

/// Of this process.
inline std::size_t resident_mib() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / (1024 * 1024);
}

} // namespace millrace::test
