#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include <tl/expected.hpp>

/// What a user would do instead of Millrace, and the limits of the machine, measured with SQLite itself. These two
/// files are the one place outside storage/ that may include `sqlite3.h`: a baseline that went through our own classes
/// would measure those.
namespace millrace::tools {

enum class workload { append, upsert, read, mixed };

/// The same rows and payload as the engine's run.
struct baseline_task {
  workload kind = workload::append;
  std::filesystem::path folder; ///< Exists and is on the disk that is measured.
  std::uint64_t rows = 0;       ///< Preloaded; keys are drawn from 1 to this.
  double reads = 0.0;           ///< Share of reads in `workload::mixed`.
  std::string payload;
  std::size_t clients = 1; ///< Of `group_rate`.
  std::chrono::milliseconds duration{5'000};
};

/// Marks a payload so that it differs from the one before. A row that is overwritten with what it holds already costs
/// SQLite neither a write nor a sync.
void renew(std::string& payload, std::uint64_t mark);

struct baseline_rate {
  double per_second = 0.0;
  std::chrono::nanoseconds p99{}; ///< Of one operation; zero where it was not measured.
};

/// The error is a sentence.
using rate_result = tl::expected<baseline_rate, std::string>;

/// Writes the database that the other baselines work on, afresh.
[[nodiscard]] tl::expected<void, std::string> prepare_baseline(const baseline_task& task);

/// A pool of threads, each with a connection of its own: WAL, `synchronous=FULL`, a busy timeout of 30 s, prepared
/// statements, one transaction per write (`BEGIN IMMEDIATE` for upserts, autocommit otherwise). Nobody waits for a
/// connection here, as clients would where there are more of them than threads.
rate_result pool_rate(const baseline_task& task, unsigned threads);

/// Group commit without a log of its own: clients, a thread each, wait in a queue, and one thread commits for all that
/// wait, each write in a savepoint, with `synchronous=FULL`. For writes only.
rate_result group_rate(const baseline_task& task);

/// One thread without any durability: `synchronous=OFF`, 1000 operations to a transaction, each write in a savepoint.
/// For `workload::read`: one thread of autocommit reads.
rate_result raw_rate(const baseline_task& task);

} // namespace millrace::tools
