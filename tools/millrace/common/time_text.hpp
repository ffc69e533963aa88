#pragma once

#include <cstdint>
#include <string>

namespace millrace::tools {

/// Milliseconds since 1970 as whole seconds, UTC: `2026-03-01T12:00:00Z`.
std::string time_text(std::int64_t milliseconds);

} // namespace millrace::tools
