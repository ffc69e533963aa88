#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace millrace::storage {

/// How long outcomes of named transactions are kept: the older ones go when either bound is passed, those of one call
/// together.
struct outcome_window {
  std::uint64_t count = 1'000'000;                       ///< At least so many stay where the age lets them.
  std::chrono::milliseconds age{std::chrono::hours{24}}; ///< By accept times.
};

/// What holds for every kind of database.
struct database_options {
  /// Where it is, which also says of what kind it is; the engine knows the kinds. Empty is a file in the data folder.
  std::string url{};
  outcome_window outcomes{};
  /// A transaction that runs longer is interrupted, which counts as a death of the writer
  /// (storage/DESIGN.md §4 rule 6). Schema scripts may take any time.
  std::chrono::milliseconds transaction_time_max{60'000};
};

} // namespace millrace::storage
