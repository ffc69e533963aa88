#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::test {

/// The table that load clients write to. Without a key of its own on (client, number), so that a row applied twice
/// shows; `id` shows the order of application. It may have more columns, and rows of no client.
inline constexpr auto load_schema =
  "CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER, number INTEGER);"
  "CREATE INDEX entry_by_client ON entry(client, number);";

/// What one client knows of its own transactions. Written by that client only, read once all have ended.
struct client_record {
  enum class fate : std::uint8_t {
    acknowledged, ///< Is in the table exactly once.
    unknown,      ///< Is there at most once.
    without,      ///< Was refused and given up; is not there.
  };
  std::map<std::int64_t, fate> numbers;
};

/// What all clients of one load share. Outlives them.
class load_run {
public:
  struct settings {
    std::size_t clients = 1'000;
    std::int64_t transactions_each = INT64_MAX; ///< They end after so many, or when told to.
    /// Whether all wait until they are applied, where that may fail; otherwise every other one is only durable.
    bool all_applied = false;
    std::chrono::milliseconds pause{0}; ///< Between an answer and the next transaction.
    /// What may be refused for good; nothing, where it is empty. Called from many threads at once.
    std::function<bool(const failure&)> may_refuse{};
  };

  load_run(caf::actor_system& system, engine_actor front, settings wanted);
  load_run(const load_run&) = delete;
  load_run& operator=(const load_run&) = delete;
  ~load_run() { stop(); }

  /// Tells all clients to end after their answer, and waits until they have.
  void stop();
  /// Waits until all clients have ended by themselves.
  void wait();

  const settings wanted;
  const engine_actor front;
  std::vector<client_record> records;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<std::uint64_t> overloaded{0};
  std::atomic<std::uint64_t> refused{0}; ///< Retryable answers other than that.
  std::atomic<std::uint64_t> unknown{0};
  std::atomic<std::uint64_t> explained{0};   ///< Refused for good, as it may be.
  std::atomic<std::uint64_t> rejected{0};    ///< Must not happen: the same, as it may not be.
  std::atomic<std::uint64_t> unanswered{0};  ///< Must not happen: no answer within the time limit.
  std::atomic<std::uint64_t> extra{0};       ///< Must not happen: messages that answer nothing.
  std::atomic<std::uint64_t> own_reads{0};   ///< Own writes that were looked up and found.
  std::atomic<std::uint64_t> stale_reads{0}; ///< Must not happen: own writes that were not found.

  void one_ended();

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_;
};

/// Checks the table against what the clients were told: every acknowledged row is there exactly once, unknown ones at
/// most once, nothing else, and each client's rows in its order. And that every request got exactly one answer.
void check_invariants(const load_run& run, caf::actor_system& system, const engine_actor& front);

} // namespace millrace::test
