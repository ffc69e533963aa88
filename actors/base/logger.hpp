#pragma once

#include <memory>

#include <spdlog/spdlog.h>

namespace millrace {

/// Where Millrace logs: the spdlog logger named `millrace`, where the program has registered one, else its default
/// logger. Any thread.
inline std::shared_ptr<spdlog::logger> logger() {
  auto given = spdlog::get("millrace");
  return given ? given : spdlog::default_logger();
}

} // namespace millrace
