#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace {

/// Checks what needs no disk: sizes, counts, nesting, enumerations. Nothing where all is well.
std::optional<failure> check(const transaction& work);
std::optional<failure> check(const query& question);

/// Counts the transactions between their admission and their application. CAF bounds no mailbox, so this is the only
/// bound there is. Shared by the front, which takes, and the queue, which gives back; any thread.
class admission {
public:
  admission(std::uint64_t transactions_max, std::uint64_t bytes_max) noexcept
    : transactions_max_(transactions_max), bytes_max_(bytes_max) {}

  /// Takes room for one transaction; false where there is none, and then nothing is taken.
  bool take(std::size_t bytes) noexcept;
  void give_back(std::uint64_t transactions, std::uint64_t bytes) noexcept;
  /// Forgets everything: the queue that held it is gone.
  void clear() noexcept;

  std::uint64_t transactions() const noexcept { return transactions_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t transactions_max() const noexcept { return transactions_max_; }
  std::uint64_t bytes_max() const noexcept { return bytes_max_; }

private:
  std::atomic<std::uint64_t> transactions_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::uint64_t transactions_max_;
  std::uint64_t bytes_max_;
};

} // namespace millrace
