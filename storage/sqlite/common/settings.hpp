#pragma once

#include "budget.hpp"
#include "temporary_space.hpp"

#include <millrace/storage/database.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace millrace::storage::sqlite {

/// With what connections are opened: the neutral options and those of SQLite, brought together.
struct settings {
  std::filesystem::path file;
  int cached_statements = 0;
  int cache_kib = 0;
  budget::amounts afforded{}; ///< To each piece of work.
  /// What `afforded` points to.
  std::shared_ptr<temporary_space> space{};
  outcome_window outcomes;
  std::chrono::milliseconds transaction_time_max{0};
  std::uint64_t transaction_pages_max = 0;
  std::optional<uuid> identity; ///< Whose file it must be; any where it is not known yet.
};

} // namespace millrace::storage::sqlite
