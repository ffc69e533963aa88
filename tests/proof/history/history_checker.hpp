#pragma once

#include "history.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::test::histories {

/// One appended value as the database holds it.
struct stored_row {
  operation_id who;
  std::uint64_t list = 0;
  // Of a transfer.
  std::size_t source = 0;
  std::size_t target = 0;
  std::int64_t amount = 0;
};

/// What one `seq` stands for in the log.
struct logged_work {
  operation_id who; ///< All zero for work of the engine's own.
  bool skipped = false;
};

/// What the database and its log hold at the end.
struct final_state {
  std::vector<stored_row> rows; ///< In the order in which they were inserted.
  std::vector<std::int64_t> balances;
  std::int64_t first_balance = 0; ///< Of each account, before any transfer.
  std::uint64_t refused = 0;      ///< Rows of groups that were undone.
  std::uint64_t applied_seq = 0;
  std::vector<logged_work> log; ///< Of `seq` 1, 2, 3, …
};

/// Compares what clients saw with what there is in the end, by the promises of actors/DESIGN.md §5 and §11 and of
/// `consistency`. A sentence for everything that is not as promised, at most a few for each rule. Takes time in
/// proportion to the history and the state.
std::vector<std::string> check(const std::vector<event>& history, const final_state& end);

} // namespace millrace::test::histories
