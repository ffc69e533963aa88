#pragma once

#include <chrono>

namespace millrace {

/// Deadlines and leases are of this clock, which nobody sets.
using monotonic_time = std::chrono::steady_clock::time_point;

} // namespace millrace
