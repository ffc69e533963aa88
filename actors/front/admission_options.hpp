#pragma once

#include <millrace/messages/error.hpp>

#include <cstdint>
#include <optional>

namespace millrace {

/// What may wait at once. What comes beyond is answered `overloaded`.
struct admission_options {
  std::uint64_t inflight_transactions_max = 200'000;
  std::uint64_t inflight_bytes_max = 512ull * 1024 * 1024;
  /// Queries, pages among them, and bytes of theirs: so many times the number of readers, for all of them together, and
  /// so many in the queue. Those that a reader takes together count until the last of them is answered; what they
  /// return does not count.
  std::uint64_t waiting_queries_max = 100'000;
  std::uint64_t waiting_query_bytes_max = 128ull * 1024 * 1024;
};

/// Says which value cannot be used; nothing where all can.
[[nodiscard]] std::optional<failure> check(const admission_options& settings);

} // namespace millrace
