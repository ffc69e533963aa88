#pragma once

#include <cstddef>
#include <fstream>

#include <unistd.h>

namespace millrace::test {

/// Of this process.
inline std::size_t resident_mib() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / (1024 * 1024);
}

} // namespace millrace::test
