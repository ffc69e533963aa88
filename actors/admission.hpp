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
std::optional<failure> check(const transaction& work);
std::optional<failure> check(const query& question);
std::optional<failure> check(const page_query& question);
std::optional<failure> check(const page_cursor& position);
/// Refuses clients made in the future, who would outlive the window in which names are known. Only for a client that
/// is not known yet: a clock that was set back says nothing against those that were accepted before.
std::optional<failure> check_birth(const uuid& client, std::int64_t now_ms);

/// Counts the transactions between their admission and their application. CAF bounds no mailbox, so this is the only
/// bound there is. Shared by the front, which takes, and the queue, which gives back; any thread.
class admission {
public:
  using clock = std::chrono::steady_clock;

  admission(std::uint64_t transactions_max, std::uint64_t bytes_max) noexcept
    : transactions_max_(transactions_max), bytes_max_(bytes_max) {}

  /// Takes room for one transaction; false where there is none, and then nothing is taken. What is urgent has a tenth
  /// more than the bounds say, and room for one transaction at least.
  bool take(std::size_t bytes, priority urgency = priority::bulk) noexcept;
  void give_back(std::uint64_t transactions, std::uint64_t bytes, clock::time_point now = clock::now()) noexcept;
  /// When a tenth of the room will be free if it is given back as fast as it was lately: 1 ms to 1 s, and 50 ms where
  /// none was given back lately.
  std::chrono::milliseconds retry_after(clock::time_point now = clock::now()) const noexcept;
  /// Forgets everything: the queue that held it is gone.
  void clear() noexcept;

  std::uint64_t transactions() const noexcept { return transactions_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t transactions_max() const noexcept { return transactions_max_; }
  std::uint64_t bytes_max() const noexcept { return bytes_max_; }

private:
  void release(std::uint64_t transactions, std::uint64_t bytes) noexcept;
  void measure(clock::time_point now) noexcept;

  std::atomic<std::uint64_t> transactions_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::uint64_t transactions_max_;
  std::uint64_t bytes_max_;
  std::atomic<clock::rep> measured_at_{0};           ///< When the rates below were last taken.
  std::atomic<std::uint64_t> freed_transactions_{0}; ///< Since then.
  std::atomic<std::uint64_t> freed_bytes_{0};
  std::atomic<double> transactions_rate_{0}; ///< Given back per second; 0 where it is not known.
  std::atomic<double> bytes_rate_{0};
};

} // namespace millrace
