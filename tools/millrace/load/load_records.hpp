#pragma once

#include "done_rows.hpp"
#include "file_identity.hpp"
#include "table_sum.hpp"

#include <millrace/actors/client/client.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// How far a load came.
enum class load_state {
  begun,      ///< Its rows are recorded one by one; not all of them are in.
  complete,   ///< All of its well-formed rows are in.
  unrecorded, ///< Which of its rows are in is not known.
};

/// What stands in the database of one load: a file, by its content and by its place, and a table.
struct load_record {
  std::int64_t id = 0;
  file_identity file;
  load_state state = load_state::begun;
  std::uint64_t rows = 0; ///< Recorded ones.
};

/// Makes the tables of the records, `millrace_load_file` and `millrace_load_row`.
schema_script record_schema();

/// Of the loads that were begun last, a few at most, the path of the file and the table.
[[nodiscard]] tl::expected<std::vector<std::pair<std::string, std::string>>, failure> newest_loads(client& database);

/// The records of all loads into a table.
[[nodiscard]] tl::expected<std::vector<load_record>, failure> read_records(client& database, const std::string& table);

/// Records that a load begins, in place of `replaced` where that is given, and gives the new record's id. `before` is
/// what the table held then, as far as that is known.
[[nodiscard]] tl::expected<std::int64_t, failure> add_record(client& database, const std::string& table,
                                                             const file_identity& file, load_state state,
                                                             const std::optional<table_sum>& before,
                                                             std::optional<std::int64_t> replaced);

/// Records that a load goes on with what its file is now.
[[nodiscard]] tl::expected<void, failure> go_on_with(client& database, const std::string& table, std::int64_t load,
                                                     const file_identity& file);

/// Which rows of its file are in.
[[nodiscard]] tl::expected<done_rows, failure> read_done(client& database, std::int64_t load);

/// What the table held before the load; nothing where that is not known, or another load began or went on since.
[[nodiscard]] tl::expected<std::optional<table_sum>, failure> read_before(client& database, std::int64_t load);

/// Records that all rows are in that the file has, malformed ones left out.
[[nodiscard]] tl::expected<void, failure> complete_record(client& database, std::int64_t load, std::uint64_t rows);

/// Adds to a row's transaction that the row is recorded: where it is already, the transaction fails with
/// `row_count_mismatch`. Folds records of neighbouring rows into one where `fold` is given.
void record_row(transaction& work, std::int64_t load, std::uint64_t row, const std::optional<done_rows::span>& fold);

} // namespace millrace::tools
