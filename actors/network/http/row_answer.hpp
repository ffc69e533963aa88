#pragma once

#include "exchange.hpp"

#include <millrace/messages/paging.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace millrace::network::http {

/// Rows on their way to a program, in pieces that it takes one after the other: text is made of no more than fits into
/// one, and the next page is asked for when there are no rows left of this one.
class row_answer {
public:
  /// Null where there is no memory. As JSON, or (`lines`) as NDJSON: a line with `seq` and `columns`, one for each row,
  /// and a last one with `rows`, how many they are, and whether they are `truncated`, or `error`. Where the last line
  /// is missing, so are rows.
  static MHD_Response* make(std::shared_ptr<exchange> of, row_page first, bool lines, std::uint64_t most);

  row_answer(std::shared_ptr<exchange> of, row_page first, bool lines, std::uint64_t most);
  row_answer(const row_answer&) = delete;
  row_answer& operator=(const row_answer&) = delete;
  ~row_answer();

private:
  std::ptrdiff_t give(char* into, std::size_t most);
  void write_more();
  void hold(row_page page);
  void ask_for_next();
  void take_next();
  void end();

  std::shared_ptr<exchange> of_;
  bool lines_;
  std::uint64_t most_; ///< Rows.
  big_integers integers_;
  row_page page_;
  std::optional<row_set::iterator> next_; ///< In `page_`.
  std::uint64_t rows_ = 0;                ///< Written so far.
  std::size_t held_ = 0;                  ///< Bytes of `page_` that count as unread.
  std::string text_;                      ///< Not sent; from `sent_` on.
  std::size_t sent_ = 0;
  bool asked_ = false;
  bool ended_ = false;
};

} // namespace millrace::network::http
