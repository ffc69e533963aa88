#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace {

/// Checks what needs no disk: sizes, counts, nesting, enumerations. Nothing where all is well.
[[nodiscard]] std::optional<failure> check(const transaction& work);
[[nodiscard]] std::optional<failure> check(const query& question);
[[nodiscard]] std::optional<failure> check(const page_query& question);
[[nodiscard]] std::optional<failure> check(const page_cursor& position);

/// Counts what was let in and is not done with: transactions until they are applied, what readers are asked until they
/// answer it, queries until the queue lets them go. CAF bounds no mailbox, so this is the only bound there is.
/// Shared by those who take and those who give back; any thread.
class admission {
public:
  using clock = std::chrono::steady_clock;

  admission(std::uint64_t requests_max, std::uint64_t bytes_max) noexcept
    : requests_max_(requests_max), bytes_max_(bytes_max) {}

  /// Takes room for one request; false where there is none, and then nothing is taken. What is urgent has a tenth
  /// more than the bounds say, and room for one request at least.
  bool take(std::size_t bytes, priority urgency = priority::bulk) noexcept;
  /// Takes room whether there is any or not, for what was admitted elsewhere.
  void take_anyway(std::size_t bytes) noexcept;
  void give_back(std::uint64_t requests, std::uint64_t bytes, clock::time_point now = clock::now()) noexcept;
  /// When a tenth of the room will be free if it is given back as fast as it was lately: 1 ms to 1 s, and 50 ms where
  /// none was given back lately.
  std::chrono::milliseconds retry_after(clock::time_point now = clock::now()) const noexcept;
  /// Forgets everything: who held it is gone.
  void clear() noexcept;

  std::uint64_t requests() const noexcept { return requests_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t requests_max() const noexcept { return requests_max_; }
  bool has_room(std::size_t bytes) const noexcept;
  /// Whether over nine tenths of it are taken.
  bool nearly_full() const noexcept;

private:
  /// Whether one request more fits beside so much. One that is larger than the bound fits where nothing else is.
  bool fits(std::uint64_t requests, std::uint64_t held, std::size_t bytes, priority urgency) const noexcept;
  void release(std::uint64_t requests, std::uint64_t bytes) noexcept;
  void measure(clock::time_point now) noexcept;

  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::uint64_t requests_max_;
  std::uint64_t bytes_max_;
  std::atomic<clock::rep> measured_at_{0};       ///< When the rates below were last taken.
  std::atomic<std::uint64_t> freed_requests_{0}; ///< Since then.
  std::atomic<std::uint64_t> freed_bytes_{0};
  std::atomic<double> requests_rate_{0}; ///< Given back per second; 0 where it is not known.
  std::atomic<double> bytes_rate_{0};
};

} // namespace millrace
