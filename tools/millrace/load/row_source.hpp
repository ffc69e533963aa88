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
};

/// The rows of a delimited file, each checked to have one field per column. Used by one thread at a time, but for
/// `end`.
class row_source {
public:
  /// Opens the file and settles the columns. The error is a sentence.
  [[nodiscard]] static tl::expected<std::unique_ptr<row_source>, std::string> open(const std::filesystem::path& file,
                                                                                   const source_format& format);

  const std::vector<std::string>& columns() const noexcept { return columns_; }

  /// The next row, numbered, malformed ones included; nothing at the end.
  std::optional<record> next();

  /// Why there was no next row though the file goes on; empty where it does not.
  const std::string& problem() const noexcept { return file_->problem(); }

  /// There is no next row from here on, also for who waits for one. Any thread.
  void end() noexcept { file_->end(); }

  /// How much of the file was taken, 0 to 1.
  double share() const noexcept;

private:
  row_source(std::unique_ptr<input_file> file, std::uint64_t bytes, char delimiter);
  std::optional<std::string> settle_columns(const source_format& format);

  std::unique_ptr<input_file> file_;
  std::istream input_;
  std::uint64_t bytes_;
  delimited_reader reader_;
  std::vector<std::string> columns_;
  std::uint64_t rows_ = 0;
  std::optional<record> first_; ///< A row of data that had to be read to learn the number of columns.
};

} // namespace millrace::tools
