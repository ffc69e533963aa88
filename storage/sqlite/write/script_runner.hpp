#pragma once

#include "backfill_record.hpp"
#include "key_guard.hpp"
#include "key_range.hpp"
#include "part_watch.hpp"
#include "runaway_watch.hpp"
#include "schema_record.hpp"
#include "setback.hpp"

#include <millrace/messages/transaction.hpp>
#include <millrace/storage/sqlite/common/authority.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/determinism.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::storage::sqlite {

/// What a script did.
struct ran_script {
  std::vector<schema_difference> differences;
  std::int64_t rows_changed = 0; ///< By it, its triggers and foreign keys.
  /// Of a part of a backfill, how many rows of its table that covered.
  std::optional<std::uint64_t> rows_covered{};
};

/// What is said before a failure of a change: `migration main/7 add_lease, up: `; nothing before one of no migration.
std::string label_of(const schema_change& change);

/// What a change comes to that was called off, as it ran for longer than its timeout.
failure overrun(const schema_change& change);

/// Runs what changes the schema inside an open SQLite transaction and records it. The caller undoes what a failed one
/// leaves behind.
class script_runner {
public:
  [[nodiscard]] static result<script_runner> make(connection& owner, log_functions& functions, runaway_watch& watch);

  /// Runs the script, or does nothing where the same text is recorded under its name. `schema_changed` where another
  /// text is. `accept_time_ms` is for the history.
  [[nodiscard]] progress<> run(const schema_script& script, std::uint64_t seq, std::int64_t accept_time_ms);

  /// The same for a change, with what it did; nothing where it was applied before. `schema_conflict` where the schema
  /// is not in the state that it was made for.
  [[nodiscard]] progress<ran_script> run(const schema_change& change, std::uint64_t seq, std::int64_t accept_time_ms);

private:
  script_runner(connection& owner, log_functions& functions, runaway_watch& watch, schema_record record,
                backfill_record backfills)
    : owner_(&owner),
      functions_(&functions),
      watch_(&watch),
      record_(std::move(record)),
      backfills_(std::move(backfills)) {}

  /// What is run as one script, with a frame and lines of its own; a hook's has a name.
  struct piece {
    const std::string& sql;
    std::string_view file{};
  };

  /// Whether it is looked at what becomes of others: not of scripts, which logs hold that were written before that.
  enum class guarding { no, yes };

  /// How statements are run.
  struct manner {
    authority who = authority::script;
    key_guard* guard = nullptr;      ///< Looks at what becomes of rows of others.
    const key_range* part = nullptr; ///< What every statement is about; where that is no row, nothing is run.
    const part_watch* watch = nullptr;
  };

  using under_way = std::optional<backfill_progress>;

  [[nodiscard]] progress<bool> holds(const schema_change& change, const under_way& backfill);
  [[nodiscard]] progress<ran_script> run_step(const schema_change& change, under_way& backfill);
  [[nodiscard]] progress<ran_script> run_part(const schema_change& change, backfill_progress& now);
  [[nodiscard]] progress<> run_around(const schema_change& change, const table_key& key, const key_range& part,
                                      bool first);
  [[nodiscard]] progress<> keep(const schema_change& change, const backfill_progress& now, bool goes_on);
  [[nodiscard]] progress<ran_script> run_recorded(const std::vector<piece>& pieces, const std::string& label,
                                                  guarding care, authority who);
  [[nodiscard]] progress<ran_script> drift();
  [[nodiscard]] progress<> run_guarded(const std::vector<piece>& pieces, guarding care, authority who);
  [[nodiscard]] progress<> run_pieces(const std::vector<piece>& pieces, const manner& how);
  static std::vector<piece> pieces_of(const std::vector<schema_hook>& hooks);
  [[nodiscard]] progress<> run_statements(const std::string& sql, const manner& how);
  std::optional<failure> refusal_of(const result<prepared_statement>& compiled) const;
  [[nodiscard]] progress<> run_statement(prepared_statement& statement);
  [[nodiscard]] progress<> check_keys();
  [[nodiscard]] progress<> check_deferred_keys();
  [[nodiscard]] progress<> check_names();

  connection* owner_;
  log_functions* functions_;
  runaway_watch* watch_;
  schema_record record_;
  backfill_record backfills_;
  prepared_statement find_intruder_;
};

} // namespace millrace::storage::sqlite
