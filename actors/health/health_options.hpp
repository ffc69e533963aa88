#pragma once

#include <millrace/messages/error.hpp>

#include <chrono>
#include <optional>

namespace millrace {

/// How often an engine looks after itself.
struct health_options {
  /// How often the health monitor looks.
  std::chrono::milliseconds interval{1'000};
  /// How often the whole database is looked through for damage, the first time after a tenth of it; zero means never.
  std::chrono::milliseconds scrub_interval{std::chrono::hours{24}};
};

/// Says which value cannot be used; nothing where all can.
[[nodiscard]] std::optional<failure> check(const health_options& settings);

} // namespace millrace
