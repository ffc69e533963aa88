#pragma once

#include "asker.hpp"
#include "read_options.hpp"

#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/storage/database.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace millrace {

struct pager_options {
  /// Gives each result a connection of its own.
  storage::reader_opener open_database;
  std::size_t cursors_max = read_options{}.cursors_max;
  /// How long a result is kept without being asked, and its snapshot while `starving` is set.
  std::chrono::milliseconds lease = read_options{}.lease;
  /// Whether the database's log cannot be emptied; null means never.
  std::shared_ptr<const std::atomic<bool>> starving;
  /// Whether what still runs is to end at once; null means never.
  std::shared_ptr<const std::atomic<bool>> closing;
  std::uint32_t reader = 0; ///< What its cursors name as their reader.
  caf::node_id node;        ///< This one.
};

/// Of one page that is asked for. `now` is the caller's clock, which need not be the one that `deadline` is read from.
struct page_request {
  monotonic_time deadline;
  monotonic_time now;
  asker from;
  const storage::requester* asked_by = nullptr; ///< Looked at while it is read. Not owned.
  bool may_begin = true;                        ///< Whether a result that was not kept may be begun anew.
};

/// Gives results page by page, and keeps those that were not read to their end ready for a while. Used by one thread at
/// a time.
class pager {
public:
  explicit pager(pager_options settings) : settings_(std::move(settings)) {}

  /// The first page of a result, from the newest state. `too_large` where a single row is more than a page may hold;
  /// the rest as `database_reader` has it.
  [[nodiscard]] storage::result<row_page> first(const page_query& asked, const page_request& request);

  /// The page that begins at `position`: from the result that was kept, or else from one begun anew where nothing was
  /// written since and that may be begun; otherwise `cursor_lost`.
  [[nodiscard]] storage::result<row_page> next(const page_cursor& position, const page_request& request);

  /// Drops what was not asked for so long as the lease is, what somebody elsewhere asked for whose connection was lost,
  /// and while the log starves also what began so long ago. Gives how many of these last there were.
  std::size_t tidy(monotonic_time now);

  /// Drops everything.
  void clear() noexcept { kept_.clear(); }

  /// How many results are kept.
  std::size_t size() const noexcept { return kept_.size(); }

private:
  /// A result and the connection that it is read from, which must outlive it.
  struct open_result {
    std::unique_ptr<storage::database_reader> database;
    std::unique_ptr<storage::row_cursor> rows;
    query question;
    std::uint64_t number = 0;
    std::uint64_t offset = 0;
    monotonic_time began;
    monotonic_time used;
    asker from; ///< Who asked for its last page.
  };
  using open_result_ptr = std::unique_ptr<open_result>;

  [[nodiscard]] storage::result<open_result_ptr> start(const query& question, const page_request& request);
  [[nodiscard]] storage::result<open_result_ptr> find_again(const page_cursor& position, const page_request& request);
  open_result_ptr take(const page_cursor& position);
  void keep(open_result_ptr one, const page_request& request);
  std::uint64_t bytes_held() const noexcept;
  [[nodiscard]] storage::result<row_page> read(open_result_ptr from, std::uint32_t page_rows,
                                               const page_request& request);
  storage::read_limits limits(monotonic_time began, const page_request& request) const;

  pager_options settings_;
  std::vector<open_result_ptr> kept_; ///< Asked for the longest ago first.
  std::uint64_t last_number_ = 0;
};

} // namespace millrace
