#pragma once

#include <cstdlib>
#include <iostream>
#include <string>

namespace millrace::test {

/// With which a process ends that could not do what a test started it for.
inline constexpr int failed_code = 3;

/// Ends this process so, at once, and says why on its standard error. Any thread.
[[noreturn]] inline void give_up(const std::string& why) {
  std::cerr << why << std::endl;
  std::_Exit(failed_code);
}

} // namespace millrace::test
