#pragma once

#include "row_source.hpp"

#include <millrace/actors/client/client.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// What is to be compared.
struct verify_task {
  std::string table;
  /// Opens the source anew; it is read twice at most.
  std::function<tl::expected<std::unique_ptr<row_source>, std::string>()> open_source;
  /// Only rows with a greater rowid are compared: what was there before is not the load's.
  std::int64_t after_rowid = 0;
  std::vector<std::uint64_t> failed_lines;  ///< Sorted; these must not be in the table.
  std::vector<std::uint64_t> unknown_lines; ///< Sorted; these may be in the table.
  /// Told now and then how many rows were compared; ends the comparison by returning false.
  std::function<bool(std::uint64_t)> on_progress;
};

/// How table and source compare.
struct verify_report {
  std::uint64_t compared = 0;        ///< Rows of the source that must be in the table.
  std::uint64_t missing = 0;         ///< Of those, rows that are not, or too few times.
  std::uint64_t unexpected = 0;      ///< Rows of the table that the source does not account for.
  std::uint64_t unknown_found = 0;   ///< Rows of unknown outcome that took effect.
  std::uint64_t unknown_missing = 0; ///< Rows of unknown outcome that did not.
  bool at_least = false;             ///< There are more differences than could be counted in bounded memory.
  std::vector<std::string> examples; ///< A sentence each.

  bool equal() const noexcept { return missing == 0 && unexpected == 0; }
};

/// Compares table and source row by row, whatever their order, each row as often as it occurs. Memory is bounded: a
/// first pass adds the rows' hashes up in a few thousand buckets, and only buckets that differ are looked at row by
/// row in a second one. The error is a sentence.
[[nodiscard]] tl::expected<verify_report, std::string> verify_table(client& database, const verify_task& task);

/// The greatest rowid in a table, the least integer where it is empty.
[[nodiscard]] tl::expected<std::int64_t, failure> greatest_rowid(client& database, const std::string& table);

} // namespace millrace::tools
