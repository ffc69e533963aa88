#include "row_source.hpp"

#include "text.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace millrace::tools {

namespace {

std::string count_text(std::size_t count, const std::string& what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

} // namespace

tl::expected<std::unique_ptr<row_source>, std::string> row_source::open(const std::filesystem::path& file,
                                                                        const source_format& format) {
  std::error_code problem;
  if (std::filesystem::is_directory(file, problem)) {
    return tl::unexpected{file.string() + " is a folder; name a delimited file."};
  }
  auto input = input_file::open(file, format.bytes);
  if (!input) {
    return tl::unexpected{file.string() + " cannot be read: " + input.error() + "."};
  }
  const auto bytes = std::filesystem::file_size(file, problem);
  std::unique_ptr<row_source> source{
    new row_source{std::move(*input), std::min(problem ? 0 : bytes, format.bytes), format}};
  if (auto error = source->settle_columns(format)) {
    return tl::unexpected{file.string() + ": " + *error + "."};
  }
  return source;
}

row_source::row_source(std::unique_ptr<input_file> file, std::uint64_t bytes, const source_format& format)
  : file_(std::move(file)), input_(file_.get()), bytes_(bytes), reader_(input_, format.delimiter, format.null) {}

std::optional<std::string> row_source::settle_columns(const source_format& format) {
  columns_ = format.columns;
  auto problem = encoding_problem(file_->sgetc());
  if (!problem && (format.header || columns_.empty())) {
    problem = take_header(format);
  }
  if (!problem) {
    problem = columns_problem(columns_);
  }
  return !problem && !format.header && !format.columns.empty() ? take_first_row() : problem;
}

/// Takes the first line, be it a header or the row of data that tells how many columns there are.
std::optional<std::string> row_source::take_header(const source_format& format) {
  auto first = reader_.next();
  if (!problem().empty()) {
    return "it cannot be read: " + problem();
  }
  if (!first) {
    return "it is empty, so there are no columns to load";
  }
  if (!first->problem.empty()) {
    return "line " + std::to_string(first->line) + ": " + first->problem;
  }
  if (!format.header) {
    for (std::size_t i = 1; i <= first->fields.size(); ++i) {
      columns_.push_back("column" + std::to_string(i));
    }
    first_ = std::move(first);
  } else if (columns_.empty()) {
    columns_ = std::move(first->fields);
  } else if (columns_.size() != first->fields.size()) {
    return "its header names " + count_text(first->fields.size(), "column") + ", and --columns names "
           + std::to_string(columns_.size());
  }
  return std::nullopt;
}

/// Where --columns names more or fewer than the file has no row would get in.
std::optional<std::string> row_source::take_first_row() {
  first_ = reader_.next();
  if (!first_ || !first_->problem.empty() || first_->fields.size() == columns_.size()) {
    return std::nullopt;
  }
  return "its first row has " + count_text(first_->fields.size(), "field") + ", and --columns names "
         + std::to_string(columns_.size());
}

std::optional<record> row_source::next() {
  auto row = first_ ? std::exchange(first_, std::nullopt) : reader_.next();
  if (!row || !problem().empty()) {
    // What a file that cannot be read on ended with may be half a row.
    return std::nullopt;
  }
  row->number = ++rows_;
  if (row->problem.empty()) {
    row->problem = problem_of(*row);
  }
  return row;
}

/// Why a row that could be read does not fit; empty where it does.
std::string row_source::problem_of(const record& row) const {
  if (row.fields.size() != columns_.size()) {
    return "it has " + count_text(row.fields.size(), "field") + " instead of " + std::to_string(columns_.size());
  }
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    if (const auto problem = text_problem(row.fields[i])) {
      return "field " + std::to_string(i + 1) + " " + *problem;
    }
  }
  return {};
}

double row_source::share() const noexcept {
  if (bytes_ == 0) {
    return 0.0;
  }
  return std::min(1.0, static_cast<double>(reader_.bytes_read()) / static_cast<double>(bytes_));
}

} // namespace millrace::tools
