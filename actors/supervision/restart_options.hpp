#pragma once

#include <chrono>
#include <cstddef>

namespace millrace {

/// How often a supervisor restarts its children (OTP: restart intensity). More restarts than `restarts_max` within
/// `period` escalate.
struct restart_options {
  std::size_t restarts_max = 30;
  std::chrono::milliseconds period{30'000};
};

} // namespace millrace
