#pragma once

#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/outcome_record.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <cstdint>

namespace millrace::storage::sqlite {

/// Records what became of the named transactions of one call in one row of `millrace_outcomes`, and forgets the oldest
/// rows. Works inside the open SQLite transaction of its writer; what it does follows from the log and from how the log
/// was cut into calls, never from the machine's clock.
class outcome_store {
public:
  [[nodiscard]] static result<outcome_store> make(connection& owner, const outcome_window& window);

  /// Of the call that runs.
  outcome_record_writer record;

  /// Before the commit: writes the record, unless it is empty, and forgets what the window has no room for.
  /// `accept_time_ms` is that of the newest work in it.
  [[nodiscard]] result<> store(std::int64_t accept_time_ms);

  /// After the commit.
  void committed() noexcept { total_ = total_after_commit_; }

private:
  outcome_store(connection& owner, const outcome_window& window) : owner_(&owner), window_(window) {}

  /// Forgets the oldest row where that is due; tells whether it was.
  [[nodiscard]] result<bool> forget_oldest(std::int64_t accept_time_ms);
  [[nodiscard]] result<> remove(std::uint64_t first_seq);

  connection* owner_;
  outcome_window window_;
  prepared_statement insert_;
  prepared_statement find_oldest_;
  prepared_statement remove_;
  prepared_statement raise_forgotten_;
  std::uint64_t total_ = 0; ///< Transactions in all rows.
  std::uint64_t total_after_commit_ = 0;
};

} // namespace millrace::storage::sqlite
