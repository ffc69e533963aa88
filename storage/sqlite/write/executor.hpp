#pragma once

#include "runaway_watch.hpp"
#include "savepoint.hpp"
#include "setback.hpp"

#include <millrace/messages/outcome.hpp>
#include <millrace/messages/transaction.hpp>
#include <millrace/storage/sqlite/common/determinism.hpp>
#include <millrace/storage/sqlite/common/statement_cache.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::storage::sqlite {

/// Runs the statements of one transaction at a time inside an open SQLite transaction. The caller undoes what a failed
/// one leaves behind.
class executor {
public:
  [[nodiscard]] static result<executor> make(connection& owner, log_functions& functions, runaway_watch& watch,
                                             int cached_statements);

  /// Before each piece of work: forgets what an earlier one left in the connection.
  [[nodiscard]] progress<> begin_work(std::uint64_t seq);

  /// Runs a transaction's statements and groups.
  [[nodiscard]] progress<outcome> run(const transaction& work, std::uint64_t seq);

  /// After the last statement: whether the piece of work may stand.
  [[nodiscard]] progress<> end_work();

  /// Whether a statement was started since `begin_work`, so that there may be something to undo.
  bool started() const noexcept { return started_; }

  /// Forgets all compiled statements, as is due after a schema change.
  void forget_statements() noexcept { cache_.clear(); }

private:
  executor(connection& owner, log_functions& functions, runaway_watch& watch, int cached_statements,
           bracket_statements group, prepared_statement clear_changes);

  [[nodiscard]] progress<> run_range(std::size_t first, std::size_t last);
  [[nodiscard]] progress<> run_group(const group& part);
  [[nodiscard]] progress<> run_statement(std::size_t index);
  [[nodiscard]] progress<> run_prepared(cached_statement& target, statement_result& into);
  [[nodiscard]] progress<> collect(cached_statement& target, statement_result& into);
  [[nodiscard]] progress<> clear_changes();
  [[nodiscard]] progress<> check_row_ids();
  tl::unexpected<setback> locate(tl::unexpected<setback> trouble, std::size_t index) const;

  connection* owner_;
  log_functions* functions_;
  runaway_watch* watch_;
  statement_cache cache_;
  bracket_statements group_;
  prepared_statement clear_changes_;
  bool started_ = false;
  bool changes_known_ = false; ///< Whether `changes()` stems from this piece of work.

  // Of the transaction that is running.
  const transaction* work_ = nullptr;
  std::uint64_t seq_ = 0;
  std::size_t next_group_ = 0;
  std::vector<statement_result> results_;
  std::size_t rows_bytes_ = 0; ///< Of all results so far.
};

} // namespace millrace::storage::sqlite
