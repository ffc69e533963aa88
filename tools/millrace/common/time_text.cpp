#include "time_text.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace millrace::tools {

std::string time_text(std::int64_t milliseconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000)));
}

} // namespace millrace::tools
