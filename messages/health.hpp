#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

enum class health_state : std::uint8_t {
  healthy,
  degraded,  ///< It serves, but something needs attention; `reasons` say what.
  unhealthy, ///< It does not serve.
};

/// Latencies since the engine opened, in microseconds.
struct latency_summary {
  std::uint64_t count = 0;
  std::uint64_t p50_us = 0;
  std::uint64_t p99_us = 0;
  std::uint64_t p999_us = 0;
  std::uint64_t max_us = 0;
};

/// One supervised actor.
struct actor_health {
  std::string id;          ///< `"queue"`, `"writer"`, `"reader-1"`, …
  bool responding = false; ///< Whether it answered the last sample in time.
  std::uint64_t restarts = 0;
};

/// The reader pool as a whole (all its readers added up).
struct pool_health {
  std::uint64_t open = 0;
  std::uint64_t in_use = 0;
  std::uint64_t idle = 0;
  std::uint64_t queries = 0;    ///< Answered so far.
  std::uint64_t wait_count = 0; ///< Queries that found every reader busy.
  std::uint64_t wait_us = 0;    ///< How long those waited in all.
};

/// The state of an engine as its health monitor saw it last.
struct health_report {
  health_state state = health_state::healthy;
  std::vector<std::string> reasons; ///< A sentence each: what is wrong and what to do.
  std::uint64_t durable_seq = 0;
  std::uint64_t applied_seq = 0;
  std::uint64_t checkpointed_seq = 0;
  std::uint64_t inflight_transactions = 0; ///< Accepted by the front, not yet applied.
  std::uint64_t inflight_bytes = 0;
  std::uint64_t log_bytes = 0; ///< Write-ahead queue on disk.
  pool_health pool;
  latency_summary sync;  ///< One frame written and synced.
  latency_summary apply; ///< One or more frames committed in the database.
  latency_summary query; ///< One query inside its reader.
  std::vector<actor_health> actors;
};

/// Asks for the newest health report.
struct health_request {};

/// Asks for a `health_changed` message at every change of state, to the actor that sends this, until it exits.
struct health_subscription {};

/// Event: the state of an engine changed.
struct health_changed {
  health_report report;
};

std::string_view name(health_state state) noexcept;

} // namespace millrace
