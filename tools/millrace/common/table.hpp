#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::tools {

/// How many columns of a terminal a UTF-8 text takes: wide East Asian characters and emoji take two, combining marks
/// none. Bytes that are no UTF-8 take one each.
std::size_t display_width(std::string_view text) noexcept;

/// A text as one field of a comma-separated file: quoted where it must be (RFC 4180).
std::string csv_field(std::string_view text);

/// A table with aligned columns for a terminal.
class text_table {
public:
  enum class align { left, right };

  explicit text_table(std::vector<std::string> header) : header_(std::move(header)) {}

  /// Line breaks and control characters inside a cell are printed as `·`, so that a row stays a line. Cells beyond the
  /// header's width are dropped, missing ones are empty.
  void add(std::vector<std::string> cells, const std::vector<align>& sides = {});

  /// Header, rule, rows. A column is aligned to the right where all its cells were added so.
  void print(std::ostream& out) const;

private:
  std::vector<std::size_t> widths() const;
  void print_row(std::ostream& out, const std::vector<std::string>& cells,
                 const std::vector<std::size_t>& widths) const;

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> left_; ///< Per column: whether a cell was added that stands to the left.
};

/// Name and value pairs, one a line, the values aligned.
void print_pairs(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& pairs);

} // namespace millrace::tools
