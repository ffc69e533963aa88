#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <csv.h>

namespace millrace::tools {

/// One row of a delimited file.
struct record {
  std::uint64_t line = 0; ///< The line on which it begins, from 1.
  std::vector<std::string> fields;
  /// Why it could not be read; empty where it could. `fields` is then empty.
  std::string problem;
  /// Its place among the rows of data, malformed ones included, from 1; 0 until a `row_source` counts it.
  std::uint64_t number = 0;
  /// Which fields are NULL, whatever they hold; empty where none is.
  std::vector<bool> nulls;

  bool is_null(std::size_t field) const { return !nulls.empty() && nulls[field]; }
};

/// Reads a delimited file row by row: RFC 4180 quoting with any one-character delimiter, line breaks inside quotes,
/// blank lines skipped (`""` is a row of one empty field), spaces kept, UTF-8's byte order mark ignored. Bad quoting
/// costs one row: reading goes on with the line after the one on which that row began. Memory is bounded by the longest
/// row that is allowed.
class delimited_reader {
public:
  static constexpr std::size_t row_bytes_max = 8 * 1024 * 1024;

  /// `input` must outlive the reader. Fields that hold `null` and are not quoted are NULL.
  delimited_reader(std::istream& input, char delimiter, std::optional<std::string> null = std::nullopt);
  delimited_reader(const delimited_reader&) = delete;
  delimited_reader& operator=(const delimited_reader&) = delete;

  /// The next row, malformed ones included; nothing at the end.
  std::optional<record> next();

  /// How far into the input the lines taken so far reach.
  std::uint64_t bytes_read() const noexcept { return bytes_read_ - (chunk_.size() - position_); }

private:
  struct text_line {
    std::uint64_t number = 0;
    std::string text; ///< With its line break.
    bool too_long = false;
  };
  struct parser_deleter {
    void operator()(csv_parser* parser) const noexcept;
  };

  static void on_field(void* bytes, std::size_t size, void* reader);
  static void on_row(int terminator, void* reader);

  void reset_parser();
  bool fill_chunk();
  std::optional<text_line> next_line();
  std::optional<text_line> read_line();
  void take(text_line& line, std::size_t bytes);
  void parse(text_line line);
  void finish();
  void mark_nulls(const std::string& last_line);
  void reject(std::uint64_t line, std::string problem);

  std::istream& input_;
  char delimiter_;
  std::optional<std::string> null_;
  std::unique_ptr<csv_parser, parser_deleter> parser_;
  std::string chunk_;
  std::size_t position_ = 0; ///< In `chunk_`.
  std::uint64_t bytes_read_ = 0;
  std::uint64_t lines_read_ = 0;
  std::deque<text_line> again_;       ///< Lines to be read once more, after bad quoting swallowed them.
  std::vector<text_line> unfinished_; ///< The lines of a row that is not complete yet.
  std::size_t unfinished_bytes_ = 0;
  std::uint64_t row_line_ = 0;
  std::vector<std::string> fields_;
  std::deque<record> ready_;
};

} // namespace millrace::tools
