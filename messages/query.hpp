#pragma once

#include "statement.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace millrace {

/// How new the state must be that a query sees.
enum class consistency : std::uint8_t {
  /// Whatever the reader sees: at least all that was answered `ack::applied` before the query was sent. Only after a
  /// power loss what was answered before it may come later, while health says that the log is still being applied.
  any,
  /// Everything up to a given `seq` (read-your-writes).
  at_least,
  /// Everything acknowledged before the query was sent, `ack::durable` included.
  linearizable,
};

/// A typed message that only reads.
struct query {
  millrace::statement statement{};
  millrace::consistency consistency = consistency::any;
  std::uint64_t at_least_seq = 0; ///< Only for `consistency::at_least`.
  /// How long the query may take, from when the front takes it; it is interrupted at most 100 ms later. One
  /// that is not above zero has passed already.
  std::chrono::milliseconds deadline{30'000};
  /// At most so many rows are returned; `row_set::truncated` tells whether there were more. Bounded by
  /// `limits::rows_max`.
  std::uint32_t max_rows = 100'000;

  friend bool operator==(const query&, const query&) = default;
};

/// A query with the default consistency, deadline and row limit.
template <parameter... Ts>
query select(std::string_view sql, Ts&&... parameters) {
  return {.statement = make_statement(sql, std::forward<Ts>(parameters)...)};
}

} // namespace millrace
