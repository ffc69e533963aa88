#pragma once

#include <millrace/messages/uuid.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace millrace::storage {

/// How long outcomes of named transactions are kept: the older ones go when either bound is passed, those of one call
/// together.
struct outcome_window {
  std::uint64_t count = 1'000'000;                       ///< At least so many stay where the age lets them.
  std::chrono::milliseconds age{std::chrono::hours{24}}; ///< By accept times.
};

struct sqlite_options {
  int cached_statements = 256; ///< Prepared statements kept per connection.
  int cache_kib = 65'536;      ///< Page cache per connection.
  outcome_window outcomes;
  /// A transaction that runs longer is interrupted, which counts as a death of the writer
  /// (storage/DESIGN.md §4 rule 6). Schema scripts may take any time.
  std::chrono::milliseconds transaction_time_max{60'000};
  /// Whose file it must be: opening another is `database_gone`. Without it any database of Millrace's will do.
  std::optional<uuid> identity;
};

} // namespace millrace::storage
