#include "row_source.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace millrace::tools {

tl::expected<std::unique_ptr<row_source>, std::string> row_source::open(const std::filesystem::path& file,
                                                                        const source_format& format) {
  std::error_code problem;
  if (std::filesystem::is_directory(file, problem)) {
    return tl::unexpected{file.string() + " is a folder; name a delimited file."};
  }
  auto input = input_file::open(file);
  if (!input) {
    return tl::unexpected{file.string() + " cannot be read: " + input.error() + "."};
  }
  const auto bytes = std::filesystem::file_size(file, problem);
  std::unique_ptr<row_source> source{new row_source{std::move(*input), problem ? 0 : bytes, format.delimiter}};
  if (auto error = source->settle_columns(format)) {
    return tl::unexpected{file.string() + ": " + *error};
  }
  return source;
}

row_source::row_source(std::unique_ptr<input_file> file, std::uint64_t bytes, char delimiter)
  : file_(std::move(file)), input_(file_.get()), bytes_(bytes), reader_(input_, delimiter) {}

std::optional<std::string> row_source::settle_columns(const source_format& format) {
  columns_ = format.columns;
  if (!format.header && !columns_.empty()) {
    return std::nullopt;
  }
  auto first = reader_.next();
  if (!problem().empty()) {
    return "it cannot be read: " + problem() + ".";
  }
  if (!first) {
    return "it is empty, so there are no columns to load.";
  }
  if (!first->problem.empty()) {
    return "line " + std::to_string(first->line) + ": " + first->problem + ".";
  }
  if (!columns_.empty()) {
    return std::nullopt;
  }
  columns_ = format.header ? std::move(first->fields) : std::vector<std::string>(first->fields.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].empty()) {
      columns_[i] = "column" + std::to_string(i + 1);
    }
  }
  if (!format.header) {
    first_ = std::move(first);
  }
  return std::nullopt;
}

std::optional<record> row_source::next() {
  auto row = first_ ? std::exchange(first_, std::nullopt) : reader_.next();
  if (!row || !problem().empty()) {
    // What a file that cannot be read on ended with may be half a row.
    return std::nullopt;
  }
  row->number = ++rows_;
  if (row->problem.empty() && row->fields.size() != columns_.size()) {
    row->problem = "it has " + std::to_string(row->fields.size()) + " fields instead of "
                   + std::to_string(columns_.size());
  }
  return row;
}

double row_source::share() const noexcept {
  if (bytes_ == 0) {
    return 0.0;
  }
  return std::min(1.0, static_cast<double>(reader_.bytes_read()) / static_cast<double>(bytes_));
}

} // namespace millrace::tools
