#pragma once

#include "key_range.hpp"
#include "setback.hpp"

#include <millrace/messages/operations/schema.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::storage::sqlite {

/// How far a backfill has come, as its parts leave it to each other.
struct backfill_progress {
  std::uint64_t version = 0;
  std::string name;
  sha256 chain{}; ///< Of the migration, once it is applied.
  std::string table;
  kept_value reached; ///< The key of the last row that is done; null before the first one.
  std::uint64_t rows_done = 0;
  std::int64_t took_us = 0;
  bool paused = false;
};

/// Millrace's table of the backfills that are under way, one in a set at most. Works inside the open SQLite transaction
/// of its writer, so progress is kept with what it is about.
class backfill_record {
public:
  [[nodiscard]] static result<backfill_record> make(connection& owner);

  /// What is under way in a set.
  [[nodiscard]] progress<std::optional<backfill_progress>> find(const std::string& set);
  [[nodiscard]] progress<> put(const std::string& set, const backfill_progress& now);
  [[nodiscard]] progress<> forget(const std::string& set);

private:
  explicit backfill_record(connection& owner) : owner_(&owner) {}

  connection* owner_;
  prepared_statement find_;
  prepared_statement put_;
  prepared_statement forget_;
};

} // namespace millrace::storage::sqlite
