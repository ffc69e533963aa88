#pragma once

#include <millrace/messages/row_set.hpp>

#include <memory>
#include <ostream>
#include <string>

namespace millrace::tools {

enum class row_format { table, csv, json };

/// Prints the rows of one result as they come, page by page.
class row_printer {
public:
  row_printer() = default;
  row_printer(const row_printer&) = delete;
  row_printer& operator=(const row_printer&) = delete;
  virtual ~row_printer() = default;

  /// The rows that come next. All pages have the same columns; one without columns is nothing.
  virtual void print(const row_set& page) = 0;
  /// After the last page. Where it is left out, what was printed is seen to be cut as far as the format allows.
  virtual void end() {}
};

/// `null_text` is how CSV has NULL. `out` outlives the printer.
std::unique_ptr<row_printer> make_row_printer(row_format format, const std::string& null_text, std::ostream& out);

} // namespace millrace::tools
