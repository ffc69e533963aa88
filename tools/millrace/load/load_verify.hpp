#pragma once

#include "done_rows.hpp"
#include "row_source.hpp"
#include "table_scan.hpp"
#include "table_sum.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// What is to be compared with a table.
struct verify_task {
  /// Opens the source anew; it is read twice at most.
  std::function<tl::expected<std::unique_ptr<row_source>, std::string>()> open_source;
  /// What the table held before. What was added to it since is the load's.
  table_sum before;
  done_rows before_rows;                    ///< Rows of the source that are among `before`; they are not compared.
  std::vector<std::uint64_t> failed_lines;  ///< Sorted; these must not be in the table.
  std::vector<std::uint64_t> unknown_lines; ///< Sorted; these may be in the table.
  /// Told now and then how many rows were read; ends the comparison by returning false.
  table_scan::tell_progress on_progress;
};

/// How table and source compare.
struct verify_report {
  std::uint64_t compared = 0;        ///< Rows of the source that must be in the table.
  std::uint64_t not_compared = 0;    ///< Rows of the source that were there before.
  std::uint64_t missing = 0;         ///< Of those compared, rows that are not there, or too few times.
  std::uint64_t unexpected = 0;      ///< Rows of the table that neither the source nor what was before accounts for.
  std::uint64_t unknown_found = 0;   ///< Rows of unknown outcome that took effect.
  std::uint64_t unknown_missing = 0; ///< Rows of unknown outcome that did not.
  bool at_least = false;             ///< There may be more differences than could be counted in bounded memory.
  std::vector<std::string> examples; ///< A sentence each.

  bool equal() const noexcept { return missing == 0 && unexpected == 0; }
};

/// Compares a table less what it held before with a source, row by row, whatever their order, each row as often as it
/// occurs, and whatever ids or keys the table has. Memory is bounded: a first pass adds up hashes in a few thousand
/// buckets, and only buckets that differ are looked at row by row in a second one. Where such a bucket holds rows from
/// before, too, differences are counted that are certain. The error is a sentence.
[[nodiscard]] tl::expected<verify_report, std::string> verify_table(const table_scan& table, const verify_task& task);

/// What a table holds. The error is a sentence.
[[nodiscard]] tl::expected<table_sum, std::string> sum_of(const table_scan& table,
                                                          const table_scan::tell_progress& on_progress);

} // namespace millrace::tools
