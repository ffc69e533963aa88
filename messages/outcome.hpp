#pragma once

#include "error.hpp"
#include "row_set.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace {

/// What one statement of a transaction did.
struct statement_result {
  std::int64_t rows_changed = 0;
  std::int64_t last_row_id = 0; ///< 0 where the statement inserted nothing.
  row_set rows{};               ///< Of `RETURNING`; empty otherwise.
  /// Set where the statement's group was rolled back with `on_error::continue_after`; it then had no effect.
  std::optional<failure> error{};

  friend bool operator==(const statement_result&, const statement_result&) = default;
};

/// The answer to a transaction that was accepted.
struct outcome {
  std::uint64_t seq = 0;
  /// One per statement; empty for `ack::durable`.
  std::vector<statement_result> results{};

  friend bool operator==(const outcome&, const outcome&) = default;
};

} // namespace millrace
