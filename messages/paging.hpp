#pragma once

#include "query.hpp"
#include "row_set.hpp"

#include <cstdint>
#include <optional>

namespace millrace {

/// Where the next page of a result begins. Whoever has it may ask with it, once or several times; nothing in it is to
/// be read or changed. An engine keeps the rows ready for a while (its reader lease). After that, and where the reader
/// that kept them died, the page is found again if nothing was written meanwhile; otherwise the answer is
/// `cursor_lost`, never a page of another state.
struct page_cursor {
  query question{};
  std::uint32_t page_rows = 0;
  std::uint64_t seq = 0;    ///< Of the state that all pages come from.
  std::uint64_t offset = 0; ///< Rows before this page.
  std::uint32_t reader = 0; ///< Who keeps the rows ready, and as what.
  std::uint64_t number = 0;

  friend bool operator==(const page_cursor&, const page_cursor&) = default;
};

/// Asks for the first page of a result of any size. The query's `max_rows` is not looked at.
struct page_query {
  query question{};
  std::uint32_t page_rows = 1'000; ///< Bounded by `limits::rows_max`.

  friend bool operator==(const page_query&, const page_query&) = default;
};

/// One page. All pages of a result show one state of the database.
struct row_page {
  row_set rows{};
  std::optional<page_cursor> next{}; ///< Nothing after the last page.

  friend bool operator==(const row_page&, const row_page&) = default;
};

} // namespace millrace
