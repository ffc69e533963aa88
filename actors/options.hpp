#pragma once

#include <millrace/messages/transaction.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/queue/log.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

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
  /// Bytes of unapplied work kept in memory; what is beyond is read back from the log.
  std::uint64_t window_bytes_max = 64ull * 1024 * 1024;
  /// Pages that wait in SQLite's log before the writer checkpoints.
  std::uint32_t checkpoint_pages = 1'000;
  /// How long closing waits for what was accepted.
  std::chrono::milliseconds drain_deadline{10'000};
  /// How often the health monitor looks.
  std::chrono::milliseconds health_interval{1'000};

  /// More restarts of one supervisor's children than this within the period escalate.
  std::size_t restarts_max = 30;
  std::chrono::milliseconds restart_period{30'000};

  storage::log_options log;
  storage::sqlite_options database;
  /// Where the write-ahead queue's file operations go; null means the machine's own files. Must outlive the engine.
  storage::file_system* files = nullptr;

  /// Called when restarting no longer helps, with the reason; it must end the process or arrange for that. The default
  /// logs and exits with code 70.
  std::function<void(const std::string&)> on_escalation;
};

} // namespace millrace
