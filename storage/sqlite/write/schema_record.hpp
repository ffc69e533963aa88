#pragma once

#include "owed_hooks.hpp"
#include "seed_record.hpp"
#include "setback.hpp"

#include <millrace/messages/operations/schema.hpp>
#include <millrace/messages/transaction.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

/// A change of the schema that was applied, as it goes into the history.
struct applied_change {
  std::uint64_t seq = 0;
  std::int64_t accept_time_ms = 0;
  std::chrono::microseconds took{0};
  std::vector<schema_difference> differences; ///< What it did.
};

/// Millrace's tables of what the schema is and how it came to be. Works inside the open SQLite transaction of its
/// writer, which undoes what a failed call leaves behind.
class schema_record {
public:
  [[nodiscard]] static result<schema_record> make(connection& owner);

  /// Whether a script is applied already; `schema_changed` where that was another text under its name.
  [[nodiscard]] progress<bool> holds(const schema_script& script);
  /// Whether a change is applied already. `schema_conflict` where its set is not in the state that it was made for.
  [[nodiscard]] progress<bool> holds(const schema_change& change);

  [[nodiscard]] progress<> put(const schema_script& script, const applied_change& done);
  [[nodiscard]] progress<> put(const schema_change& change, const applied_change& done);

private:
  struct tip {
    std::uint64_t version = 0; ///< 0 where nothing of the set is applied.
    sha256 chain{};
  };

  schema_record(connection& owner, seed_record seeds, owed_hooks owed)
    : owner_(&owner), seeds_(std::move(seeds)), owed_(std::move(owed)) {}

  [[nodiscard]] progress<tip> tip_of(const std::string& set);
  [[nodiscard]] progress<std::optional<sha256>> chain_of(const migration_id& one);
  [[nodiscard]] progress<> look_at_needs(const schema_change& change);
  [[nodiscard]] progress<> look_at_dependants(const migration_id& one);
  [[nodiscard]] progress<> record(const std::string& set, const applied_migration& one);
  [[nodiscard]] progress<> put_history(schema_step step, const std::string& set, std::uint64_t version,
                                       std::string_view name, std::string_view sql, std::string_view author,
                                       const applied_change& done);
  [[nodiscard]] progress<> put_differences(const applied_change& done);
  [[nodiscard]] progress<> run(prepared_statement& statement);

  connection* owner_;
  seed_record seeds_;
  owed_hooks owed_;
  prepared_statement find_script_;
  prepared_statement record_script_;
  prepared_statement find_tip_;
  prepared_statement find_chain_;
  prepared_statement find_dependant_;
  prepared_statement record_migration_;
  prepared_statement forget_migration_;
  prepared_statement forget_set_;
  prepared_statement record_history_;
  prepared_statement record_object_;
  prepared_statement forget_object_;
};

} // namespace millrace::storage::sqlite
