#pragma once

#include "delimited.hpp"
#include "input_file.hpp"

#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// How a delimited file is to be read.
struct source_format {
  char delimiter = ',';
  /// Whether the first line holds names instead of data.
  bool header = true;
  /// The columns' names; empty to take them from the header, or to number them where there is none.
  std::vector<std::string> columns;
  /// Unquoted fields that hold this are NULL.
  std::optional<std::string> null;
  /// So much of the file is read and no more, so that a file that grows is the same to all that read it.
  std::uint64_t bytes = input_file::no_limit;
};

/// The rows of a delimited file, each checked to have one field of UTF-8 per column. Used by one thread at a time, but
/// for `end`.
class row_source {
public:
  /// Opens the file, or standard input for `-`, and settles the columns. What cannot be told apart from text or would
  /// not make columns of a table is refused. The error is a sentence.
  [[nodiscard]] static tl::expected<std::unique_ptr<row_source>, std::string> open(const std::filesystem::path& file,
                                                                                   const source_format& format);

  const std::vector<std::string>& columns() const noexcept { return columns_; }

  /// The next row, numbered, malformed ones included; nothing at the end.
  std::optional<record> next();

  /// Why there was no next row though the file goes on; empty where it does not.
  const std::string& problem() const noexcept { return file_->problem(); }

  /// There is no next row from here on, also for who waits for one. Any thread.
  void end() noexcept { file_->end(); }

  /// How far into the file the rows taken so far reach.
  std::uint64_t bytes_read() const noexcept { return reader_.bytes_read(); }

  /// How much of the file was taken, 0 to 1; 0 where its size is not known.
  double share() const noexcept;

private:
  row_source(std::unique_ptr<input_file> file, std::uint64_t bytes, const source_format& format);
  std::optional<std::string> settle_columns(const source_format& format);
  std::optional<std::string> take_header(const source_format& format);
  std::optional<std::string> take_first_row();
  std::string problem_of(const record& row) const;

  std::unique_ptr<input_file> file_;
  std::istream input_;
  std::uint64_t bytes_;
  delimited_reader reader_;
  std::vector<std::string> columns_;
  std::uint64_t rows_ = 0;
  std::optional<record> first_; ///< A row of data that had to be read to learn the number of columns.
};

} // namespace millrace::tools
