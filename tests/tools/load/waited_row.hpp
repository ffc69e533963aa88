#pragma once

#include <millrace/tools/millrace/load/row_feed.hpp>

#include <chrono>
#include <thread>

#include <tl/expected.hpp>

namespace millrace::tools {

/// What `ask` gives as soon as it gives a row, or says that there are no more.
template <class Ask>
tl::expected<record, no_row> waited_row(Ask ask) {
  for (;;) {
    auto row = ask();
    if (row || row.error() == no_row::any_more) {
      return row;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

} // namespace millrace::tools
