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

/// A text as a terminal may have it: line breaks and tabs stay, and what could steer the terminal or turn what is read
/// around (control characters, marks of direction, bytes that are no UTF-8) is `·`.
std::string printable(std::string_view text);

/// The same with line breaks and tabs as `·`, too.
std::string on_one_line(std::string_view text);

/// A text as one field of a comma-separated file: quoted where it must be (RFC 4180), and where it is empty or has
/// spaces at an end, which some programs take for nothing.
std::string csv_field(std::string_view text);

/// A table with aligned columns for a terminal, whole or page by page.
class text_table {
public:
  enum class align { left, right };

  explicit text_table(const std::vector<std::string>& header);

  /// Titles and cells are printed on one line. Cells beyond the header's width are dropped, missing ones are empty.
  void add(std::vector<std::string> cells, const std::vector<align>& sides = {});

  /// Header and rule, at the first time, then the rows that were added since the last. A column is as wide as its
  /// widest cell so far, and aligned to the right where all its cells so far were added so.
  void print(std::ostream& out);

private:
  void print_row(std::ostream& out, const std::vector<std::string>& cells) const;

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> left_;          ///< Per column: whether a cell was added that stands to the left.
  std::vector<std::size_t> widths_; ///< Per column, of what was added so far.
  bool begun_ = false;
};

/// Name and value pairs, one a line, the values aligned, as a terminal may have them.
void print_pairs(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& pairs);

} // namespace millrace::tools
