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
  std::string id{};        ///< `"queue"`, `"writer"`, `"reader-1"`, …
  bool responding = false; ///< Whether it answered the last sample in time.
  std::uint64_t restarts = 0;
};

/// Where a circuit breaker stands.
enum class breaker_state : std::uint8_t {
  closed,    ///< Everything goes through.
  open,      ///< Too much failed: requests are refused at once.
  half_open, ///< The pause is over: a few requests go through to see how it is.
};

/// One circuit breaker.
struct breaker_health {
  breaker_state state = breaker_state::closed;
  std::uint64_t successes = 0; ///< Within the rolling window, as are the next two.
  std::uint64_t failures = 0;
  std::uint64_t slow = 0;
  std::uint64_t opened = 0;  ///< How often it opened since the engine did.
  std::uint64_t refused = 0; ///< Requests refused or answered by the fallback.
};

/// Event: a circuit breaker changed its state. Sent to those who subscribed to health.
struct breaker_changed {
  std::string breaker{}; ///< `"transactions"` or `"queries"`.
  breaker_state from = breaker_state::closed;
  breaker_state to = breaker_state::closed;
};

/// The reader pool as a whole (all its readers added up).
struct pool_health {
  std::uint64_t open = 0;
  std::uint64_t in_use = 0;
  std::uint64_t idle = 0;
  std::uint64_t queries = 0;      ///< Answered so far.
  std::uint64_t wait_count = 0;   ///< Queries that found every reader busy.
  std::uint64_t wait_us = 0;      ///< How long those waited in all.
  std::uint64_t cursors = 0;      ///< Results that are kept ready for their next page.
  std::uint64_t recycled = 0;     ///< Connections closed for their age and opened anew.
  std::uint64_t leases_ended = 0; ///< Queries interrupted for the log to be emptied, or for others.
};

/// The state of an engine as its health monitor saw it last.
struct health_report {
  health_state state = health_state::healthy;
  std::vector<std::string> reasons{}; ///< A sentence each: what is wrong and what to do.
  std::uint64_t durable_seq = 0;
  std::uint64_t applied_seq = 0;
  std::uint64_t checkpointed_seq = 0;
  std::uint64_t inflight_transactions = 0; ///< Accepted by the front, not yet applied.
  std::uint64_t inflight_bytes = 0;
  std::uint64_t waiting_queries = 0; ///< Queries and other requests to readers that are not answered.
  std::uint64_t log_bytes = 0;       ///< Write-ahead queue on disk.
  std::uint64_t wal_pages = 0;       ///< Pages in SQLite's own log that wait for a checkpoint.
  std::uint64_t foreign_commits = 0; ///< Commits by somebody else since the engine opened.
  std::uint64_t quarantined = 0;     ///< Transactions that are set aside.
  std::uint64_t scrubs = 0;          ///< How often the whole database was looked through for damage.
  breaker_health transactions{};
  breaker_health queries{};
  pool_health pool{};
  latency_summary sync{};  ///< One frame written and synced.
  latency_summary apply{}; ///< One or more frames committed in the database.
  latency_summary query{}; ///< One query inside its reader.
  std::vector<actor_health> actors{};
};

/// Asks for the newest health report.
struct health_request {};

/// Asks for a `health_changed` message at every change of state, to the actor that sends this, until it exits.
struct health_subscription {};

/// Event: the state of an engine changed.
struct health_changed {
  health_report report{};
};

std::string_view name(health_state state) noexcept;
std::string_view name(breaker_state state) noexcept;

} // namespace millrace
