#pragma once

#include "setback.hpp"

#include <millrace/messages/transaction.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/determinism.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <cstdint>
#include <optional>

namespace millrace::storage::sqlite {

/// Runs schema scripts inside an open SQLite transaction and records them. The caller undoes what a failed one leaves
/// behind.
class script_runner {
public:
  [[nodiscard]] static result<script_runner> make(connection& owner, log_functions& functions);

  /// Runs the script, or does nothing where the same text is recorded under its name. `schema_changed` where another
  /// text is.
  [[nodiscard]] progress<> run(const schema_script& script, std::uint64_t seq);

private:
  script_runner(connection& owner, log_functions& functions) : owner_(&owner), functions_(&functions) {}

  [[nodiscard]] progress<> run_statements(const schema_script& script);
  std::optional<failure> refusal_of(const result<prepared_statement>& compiled) const;
  [[nodiscard]] progress<> run_statement(prepared_statement& statement, int number);
  [[nodiscard]] progress<> check_keys();
  [[nodiscard]] progress<> check_names();
  [[nodiscard]] progress<> record(const schema_script& script, std::uint64_t seq);

  connection* owner_;
  log_functions* functions_;
  prepared_statement find_;
  prepared_statement record_;
  prepared_statement find_intruder_;
};

} // namespace millrace::storage::sqlite
