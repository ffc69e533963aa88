#pragma once

#include "ack_file.hpp"
#include "done_rows.hpp"
#include "row_feed.hpp"
#include "row_notes.hpp"

#include <millrace/actors/base/histogram.hpp>
#include <millrace/messages/error.hpp>
#include <millrace/tools/millrace/common/live_count.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <tl/expected.hpp>

namespace millrace::tools {

/// How far a load has come.
struct load_counts {
  std::uint64_t rows = 0;         ///< Well-formed rows that a client took.
  std::uint64_t acknowledged = 0; ///< Answered with an outcome.
  std::uint64_t failed = 0;       ///< Certainly not in the table.
  std::uint64_t unknown = 0;      ///< May or may not be in the table.
  std::uint64_t malformed = 0;    ///< Never sent.
  std::uint64_t resumed = 0;      ///< In the table since an earlier run.

  /// Rows that a client took and that have not come to an end.
  std::uint64_t waiting() const noexcept { return rows - acknowledged - failed - unknown; }
};

/// What all clients of one load share: where rows come from, and what became of them. Any thread.
class load_run {
public:
  using clock = std::chrono::steady_clock;

  load_run(std::unique_ptr<row_source> source, ack_file acknowledged, bool strict);

  /// Rows are recorded: those in `done` are not handed out. Before the first `take`.
  void resume(done_rows done);

  /// The next well-formed row, in the order of the file; none at the end, or once the load was stopped. `asker` is told
  /// when there may be one, see `row_feed`.
  [[nodiscard]] tl::expected<record, no_row> take(const caf::actor& asker);

  /// The row's outcome arrived. Its key is in the ack file when this returns.
  void acknowledge(const record& row, clock::duration latency);

  /// The row's last answer was an error.
  void fail(const record& row, const failure& reason);

  /// A range of acknowledged rows that are due to be folded into one record; nothing where none is, or nothing is
  /// recorded.
  std::optional<done_rows::span> take_fold();

  /// No more rows are handed out; what is outstanding goes on.
  void stop();
  bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

  /// Begins a new stall: from here on the longest gap between two acknowledgements counts as lost.
  void writer_killed();

  load_counts counts() const;
  double share() const;
  histogram latencies() const;
  std::chrono::nanoseconds p99() const;
  /// For how long rows have waited of which none was answered; zero where none waits.
  clock::duration silence() const;
  /// The longest gap without an acknowledgement after each kill of the writer, added up.
  clock::duration lost() const;
  /// Lines for people that have not been fetched yet: malformed, failed and doubtful rows, and what stops the load.
  std::vector<std::string> take_messages();
  /// Line numbers of rows that `fail` was told of, sorted.
  std::vector<std::uint64_t> failed_lines() const;
  std::vector<std::uint64_t> unknown_lines() const;

  live_count clients;
  live_count lookups;
  std::atomic<bool> lookups_wanted = true;
  std::atomic<std::uint64_t> lookups_answered = 0;
  std::atomic<std::uint64_t> lookups_retried = 0;

private:
  void end_at(const std::string& problem);
  void settle(const record& row);

  mutable std::mutex mutex_;
  row_feed feed_;
  ack_file ack_file_;
  bool strict_;
  bool recorded_ = false;
  done_rows done_; ///< Acknowledged or malformed, in this run or before; empty where nothing is recorded.
  std::uint64_t unfolded_ = 0;
  std::optional<done_rows::span> fold_;
  std::atomic<bool> stopping_ = false;
  load_counts counts_;
  histogram latencies_;
  clock::time_point last_answer_ = clock::now(); ///< Or when a row was sent while none waited for its answer.
  bool stalled_ = false;
  clock::duration longest_gap_{};
  clock::duration lost_{};
  row_notes notes_;
  std::vector<std::string> messages_; ///< Beside those.
  std::vector<std::uint64_t> failed_lines_;
  std::vector<std::uint64_t> unknown_lines_;
};

} // namespace millrace::tools
