#pragma once

#include "setback.hpp"

#include <millrace/messages/operations/schema.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <cstdint>

namespace millrace::storage::sqlite {

/// Millrace's table of the seeds that are applied. Works inside the open SQLite transaction of its writer.
class seed_record {
public:
  [[nodiscard]] static result<seed_record> make(connection& owner);

  /// Whether the seed that a change names is applied, from a file that says the same.
  [[nodiscard]] progress<bool> holds(const schema_change& change);
  /// Records it, in place of what was applied under its name before.
  [[nodiscard]] progress<> put(const schema_change& change, std::uint64_t seq);
  /// Lets none count as applied: a migration that is taken back may take their rows with it.
  [[nodiscard]] progress<> forget_all();

private:
  explicit seed_record(connection& owner) : owner_(&owner) {}

  [[nodiscard]] progress<> run(prepared_statement& statement);

  connection* owner_;
  prepared_statement find_;
  prepared_statement record_;
  prepared_statement forget_;
};

} // namespace millrace::storage::sqlite
