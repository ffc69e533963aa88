#pragma once

#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/outcome_record.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <chrono>
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
  /// `accept_time_ms` is that of the newest transaction in it.
  [[nodiscard]] result<> store(std::int64_t accept_time_ms);

  /// After the commit.
  void committed() noexcept { held_ = held_after_commit_; }

private:
  outcome_store(connection& owner, const outcome_window& window) : owner_(&owner), window_(window) {}

  /// Forgets the oldest row where that is due; tells whether it was.
  [[nodiscard]] result<bool> forget_oldest();
  [[nodiscard]] result<> remove(std::uint64_t first_seq, std::uint64_t last_seq);
  /// Finds out how much there is, and how old.
  [[nodiscard]] result<> look();

  connection* owner_;
  outcome_window window_;
  prepared_statement insert_;
  prepared_statement find_oldest_;
  prepared_statement remove_;
  prepared_statement raise_forgotten_;
  /// Of all rows.
  struct contents {
    std::uint64_t total = 0;          ///< Transactions.
    std::chrono::milliseconds age{0}; ///< Of the oldest, as of the newest.
    std::int64_t newest_ms = 0;       ///< The accept time of that.

    /// With one row more.
    contents with(std::int64_t accept_time_ms, std::uint64_t count, const outcome_window& window) const noexcept;
  };
  contents held_;
  contents held_after_commit_;
};

} // namespace millrace::storage::sqlite
