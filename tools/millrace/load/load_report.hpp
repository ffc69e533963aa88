#pragma once

#include "load_run.hpp"
#include "load_verify.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace millrace::tools {

/// How far into its file a load went.
enum class load_end {
  complete,    ///< To its end.
  interrupted, ///< By a signal.
  stopped,     ///< By a malformed row, or by a file that could not be read or written on.
  given_up,    ///< Because rows were not answered.
};

/// What a load came to.
struct load_summary {
  std::string table;
  std::size_t clients = 0;
  load_counts counts;
  std::chrono::nanoseconds elapsed{};
  histogram latencies;
  unsigned writer_kills = 0;
  std::uint64_t writer_restarts = 0;
  unsigned reader_kills = 0;
  std::uint64_t reader_restarts = 0;
  std::uint64_t lookups = 0;
  std::uint64_t lookups_retried = 0;
  std::chrono::nanoseconds lost{};
  bool resumed = false; ///< Whether rows of earlier runs count, too.
  load_end end = load_end::complete;
  bool skip_malformed = false; ///< Whether malformed rows were to be left out.
  std::optional<verify_report> verified;
  std::string verify_problem; ///< Why the comparison could not be made, where it was asked for.

  /// Whether an earlier load has all rows in already.
  bool nothing_to_do() const noexcept;

  /// Whether every row that was taken is in the table, as far as is known, but for malformed ones that were to be left
  /// out.
  bool complete() const noexcept;
};

/// For people: a line per figure.
void print_summary(std::ostream& out, const load_summary& summary);

/// One JSON object on one line.
void print_summary_json(std::ostream& out, const load_summary& summary);

} // namespace millrace::tools
