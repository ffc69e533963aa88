#pragma once

#include <millrace/messages/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace millrace {

/// When a circuit breaker opens, and how it closes again.
struct breaker_options {
  bool enabled = true;
  /// What happened longer ago is forgotten.
  std::chrono::milliseconds window{10'000};
  /// It opens when, within the window, so many failed and they were at least this part of all.
  std::uint64_t failures_min = 10;
  double failure_rate = 0.5;
  /// What takes longer counts as failed: of transactions what is done for them beside their own long computing, of
  /// queries nothing, as how long one may take is its client's affair.
  std::chrono::milliseconds slow{10'000};
  /// How long it stays open before it lets probes through.
  std::chrono::milliseconds open_for{1'000};
  /// How many requests go through in each such period while it is half-open, and how many successes close it.
  std::uint64_t probes = 3;
};

/// Says which value of the breaker with this name cannot be used; nothing where all can.
[[nodiscard]] std::optional<failure> check(const breaker_options& settings, const std::string& name);

} // namespace millrace
