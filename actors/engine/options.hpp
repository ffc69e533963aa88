#pragma once

#include <millrace/actors/base/breaker_options.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/row_set.hpp>
#include <millrace/messages/transaction.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/sqlite/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace {

/// How an engine is opened. Only `data` must be given.
struct options {
  /// The data folder. One process at a time.
  std::filesystem::path data;
  /// Whether a missing folder is made. Otherwise it is an error, so that a mistyped path is noticed.
  bool create_if_missing = false;
  /// SQL files that are applied once each, in this order, and recorded by file name.
  std::vector<std::filesystem::path> schema;
  /// The same as text with a name, applied after the files.
  std::vector<schema_script> scripts;

  std::size_t readers = 2;
  /// Transactions and bytes that may wait at once; what comes beyond is answered `overloaded`.
  std::uint64_t inflight_transactions_max = 200'000;
  std::uint64_t inflight_bytes_max = 512ull * 1024 * 1024;
  /// Queries, pages among them, and bytes of theirs that may wait at once for each reader, and as many in the queue.
  /// Those that a reader answers together count until the last of them is answered; what they return does not count.
  std::uint64_t waiting_queries_max = 100'000;
  std::uint64_t waiting_query_bytes_max = 128ull * 1024 * 1024;
  /// Bytes of unapplied work kept in memory; what is beyond is read back from the log.
  std::uint64_t window_bytes_max = 64ull * 1024 * 1024;
  /// Pages that wait in SQLite's log before the writer checkpoints, at least. Where commits take long the writer lets
  /// more wait, up to a quarter of `wal_pages_max`: the pause stays in proportion to them.
  std::uint32_t checkpoint_pages = 200;
  /// From so many pages in SQLite's log on, readers that outlived their lease are interrupted so that it can be
  /// emptied.
  std::uint32_t wal_pages_max = 16'384;
  /// How long a reader may hold a snapshot while the log cannot be emptied, and a cursor its rows without being asked.
  std::chrono::milliseconds reader_lease{5'000};
  /// Results that one reader keeps ready for their next page; each has a connection of its own.
  std::size_t cursors_max = 8;
  /// A reader's connection is closed and opened anew when it is so old.
  std::chrono::milliseconds reader_age_max{600'000};
  /// A transaction over which the writer or the process died so often is set aside.
  std::uint32_t deaths_max = 3;

  /// What refuses transactions that are to be applied, and queries, when too many fail.
  breaker_options transaction_breaker;
  breaker_options query_breaker;
  /// Asked for an answer in place of a request that an open breaker refuses, in the thread of whoever sent it; nothing
  /// lets the refusal stand. Called from many threads at once.
  std::function<std::optional<tl::expected<outcome, failure>>(const transaction&)> transaction_fallback;
  std::function<std::optional<tl::expected<row_set, failure>>(const query&)> query_fallback;

  /// How long closing waits for what was accepted.
  std::chrono::milliseconds drain_deadline{10'000};
  /// How often the whole database is looked through for damage, the first time after a tenth of it; zero means never.
  std::chrono::milliseconds scrub_interval{std::chrono::hours{24}};
  /// How often the health monitor looks.
  std::chrono::milliseconds health_interval{1'000};

  /// More restarts of one supervisor's children than this within the period escalate.
  std::size_t restarts_max = 30;
  std::chrono::milliseconds restart_period{30'000};

  storage::log_options log;
  storage::database_options database;
  /// Where that is in an SQLite file.
  storage::sqlite_options sqlite;
  /// Where the write-ahead queue's file operations go; null means the machine's own files. Must outlive the engine.
  storage::file_system* files = nullptr;
  /// For simulations in one thread, on CAF's test coordinator: no actor gets a thread of its own, and opening and
  /// closing call this, which lets something run or time pass, instead of blocking. Empty means threads.
  std::function<void()> simulation_step;

  /// Called when restarting no longer helps, a sync of the log or the database failed, or actors do not end when the
  /// engine closes, with the reason; it must end the process or arrange for that. The default logs and exits with 70.
  std::function<void(const std::string&)> on_escalation;
};

} // namespace millrace
