#pragma once

#include "done_rows.hpp"
#include "row_source.hpp"

#include <millrace/actors/client/client.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <tl/expected.hpp>

/// How a load with `--resume` knows what of its file is in the table: each row's transaction also records the row's
/// number in `load_progress`, so both are there or neither. Ranges of recorded rows are folded into one record now and
/// then, so that the table stays small.
namespace millrace::tools {

/// Tells a file from another one, and from itself after it was changed or where it is read in another way.
struct file_identity {
  std::int64_t bytes = 0;
  std::int64_t hash = 0;

  friend bool operator==(const file_identity&, const file_identity&) = default;
};

/// Reads the whole file. The error is a sentence.
[[nodiscard]] tl::expected<file_identity, std::string> identify(const std::filesystem::path& file,
                                                                const source_format& format);

/// A load as the database knows it.
struct recorded_load {
  std::int64_t id = 0;
  std::int64_t after_rowid = 0; ///< The greatest rowid in the table when it began.
  done_rows done;
};

/// The tables that loads are recorded in: `load_file`, one row per table, and `load_progress`.
schema_script resume_schema();

/// Finds the load of this file into `table`, or begins one. The error is a sentence: the table has rows of which
/// nothing is recorded, or holds the unfinished load of another file.
[[nodiscard]] tl::expected<recorded_load, std::string> begin_or_go_on(client& database, const std::string& table,
                                                                      const file_identity& file,
                                                                      std::int64_t greatest_rowid);

/// Records that every row was answered, so that another file may be loaded into the table.
[[nodiscard]] tl::expected<outcome, failure> finish_load(client& database, std::int64_t load);

/// Adds to a row's transaction what records it. Where the row was recorded before, the transaction fails with
/// `row_count_mismatch` and has no effect. `fold` is a range of rows that are all recorded, to become one record.
void record_row(transaction& work, std::int64_t load, std::uint64_t row, const std::optional<done_rows::span>& fold);

} // namespace millrace::tools
