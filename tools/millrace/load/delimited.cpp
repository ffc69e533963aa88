#include "delimited.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

namespace millrace::tools {

namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;
/// What libcsv's memory for a field grows by. By its usual 128 bytes, a field of 32 MiB may be copied a quarter of a
/// million times.
constexpr std::size_t field_growth_bytes = 256 * 1024;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// libcsv strips what this calls a space from unquoted fields; a field keeps its spaces here.
int no_space(unsigned char) {
  return 0;
}

/// Where the field that begins at a position of a row ends. The row was parsed without fault.
std::size_t end_of_field(std::string_view row, std::size_t at, char delimiter) noexcept {
  if (at < row.size() && row[at] == '"') {
    at = row.find('"', at + 1);
    while (at != std::string_view::npos && row.substr(at).starts_with("\"\"")) {
      at = row.find('"', at + 2);
    }
  }
  return std::min(row.find(delimiter, at), row.size());
}

bool blank(std::string_view text) noexcept {
  return text.find_first_not_of("\r\n") == std::string_view::npos;
}

} // namespace

void delimited_reader::parser_deleter::operator()(csv_parser* parser) const noexcept {
  csv_free(parser);
  delete parser;
}

delimited_reader::delimited_reader(std::istream& input, char delimiter, std::optional<std::string> null)
  : input_(input), delimiter_(delimiter), null_(std::move(null)) {
  reset_parser();
}

void delimited_reader::reset_parser() {
  auto fresh = std::make_unique<csv_parser>();
  if (csv_init(fresh.get(), CSV_STRICT | CSV_STRICT_FINI) != 0) {
    throw std::bad_alloc{};
  }
  csv_set_delim(fresh.get(), static_cast<unsigned char>(delimiter_));
  csv_set_space_func(fresh.get(), no_space);
  csv_set_blk_size(fresh.get(), field_growth_bytes);
  parser_.reset(fresh.release());
  fields_.clear();
}

std::optional<record> delimited_reader::next() {
  while (ready_.empty()) {
    if (auto line = next_line()) {
      parse(std::move(*line));
      continue;
    }
    finish();
    if (ready_.empty() && again_.empty()) {
      return std::nullopt;
    }
  }
  auto result = std::move(ready_.front());
  ready_.pop_front();
  return result;
}

void delimited_reader::on_field(void* bytes, std::size_t size, void* reader) {
  static_cast<delimited_reader*>(reader)->fields_.emplace_back(static_cast<const char*>(bytes), size);
}

void delimited_reader::on_row(int, void* reader) {
  auto& self = *static_cast<delimited_reader*>(reader);
  self.ready_.push_back({.line = self.row_line_, .fields = std::exchange(self.fields_, {})});
}

bool delimited_reader::fill_chunk() {
  chunk_.resize(chunk_bytes);
  input_.peek(); // Waits for one byte; what a pipe holds then is enough.
  const auto count = input_.readsome(chunk_.data(), static_cast<std::streamsize>(chunk_.size()));
  chunk_.resize(static_cast<std::size_t>(count));
  bytes_read_ += chunk_.size();
  position_ = 0;
  return !chunk_.empty();
}

std::optional<delimited_reader::text_line> delimited_reader::next_line() {
  if (!again_.empty()) {
    auto line = std::move(again_.front());
    again_.pop_front();
    return line;
  }
  return read_line();
}

/// A line ends with "\n", "\r\n" or "\r", as a row does for libcsv: so no line holds the end of one row and the
/// beginning of another.
std::optional<delimited_reader::text_line> delimited_reader::read_line() {
  text_line line{lines_read_ + 1, {}, false};
  bool any = false;
  bool ended = false;
  while (!ended && (position_ < chunk_.size() || fill_chunk())) {
    any = true;
    const auto rest = std::string_view{chunk_}.substr(position_);
    const auto end = rest.find_first_of("\r\n");
    ended = end != std::string_view::npos;
    take(line, ended ? end + 1 : rest.size());
    if (ended && rest[end] == '\r' && (position_ < chunk_.size() || fill_chunk()) && chunk_[position_] == '\n') {
      take(line, 1);
    }
  }
  if (!any) {
    return std::nullopt;
  }
  if (lines_read_ == 0 && line.text.starts_with(byte_order_mark)) {
    line.text.erase(0, byte_order_mark.size());
  }
  ++lines_read_;
  return line;
}

/// Moves so many bytes of the chunk into the line.
void delimited_reader::take(text_line& line, std::size_t bytes) {
  if (line.text.size() + bytes > row_bytes_max) {
    line.too_long = true;
  } else {
    line.text.append(chunk_, position_, bytes);
  }
  position_ += bytes;
}

void delimited_reader::parse(text_line line) {
  if (unfinished_.empty()) {
    if (line.too_long) {
      reject(line.number, "the line is longer than 8 MiB");
      return;
    }
    if (blank(line.text)) {
      return;
    }
    row_line_ = line.number;
  }
  if (line.too_long || unfinished_bytes_ + line.text.size() > row_bytes_max) {
    again_.push_front(std::move(line));
    reject(row_line_, "a quote opens here and is not closed within 8 MiB");
    return;
  }
  const auto rows = ready_.size();
  const auto taken = csv_parse(parser_.get(), line.text.data(), line.text.size(), on_field, on_row, this);
  if (taken != line.text.size()) {
    const bool later_line = line.number != row_line_;
    if (later_line) {
      again_.push_front(std::move(line));
    }
    reject(row_line_, "bad quoting: a quote must open a field, close it, or be doubled");
  } else if (ready_.size() == rows) {
    unfinished_bytes_ += line.text.size();
    unfinished_.push_back(std::move(line));
  } else {
    mark_nulls(line.text);
    unfinished_.clear();
    unfinished_bytes_ = 0;
  }
}

/// Marks the row that was completed last; what it was made of are the unfinished lines and `last_line`. libcsv does not
/// tell which fields were quoted.
void delimited_reader::mark_nulls(const std::string& last_line) {
  auto& row = ready_.back();
  if (!null_ || std::ranges::find(row.fields, *null_) == row.fields.end()) {
    return;
  }
  std::string text;
  for (const auto& line : unfinished_) {
    text += line.text;
  }
  text += last_line;
  std::size_t begin = 0;
  for (const auto& field : row.fields) {
    row.nulls.push_back(field == *null_ && (begin >= text.size() || text[begin] != '"'));
    begin = end_of_field(text, begin, delimiter_) + 1;
  }
}

void delimited_reader::finish() {
  const auto rows = ready_.size();
  if (csv_fini(parser_.get(), on_field, on_row, this) != 0) {
    reject(row_line_, "a quote opens here and is never closed");
    return;
  }
  if (ready_.size() != rows) {
    mark_nulls({});
  }
  unfinished_.clear();
  unfinished_bytes_ = 0;
}

void delimited_reader::reject(std::uint64_t line, std::string problem) {
  ready_.push_back({.line = line, .problem = std::move(problem)});
  if (!unfinished_.empty()) {
    again_.insert(again_.begin(), std::make_move_iterator(std::next(unfinished_.begin())),
                  std::make_move_iterator(unfinished_.end()));
  }
  unfinished_.clear();
  unfinished_bytes_ = 0;
  reset_parser();
}

} // namespace millrace::tools
