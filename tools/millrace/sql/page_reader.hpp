#pragma once

#include <millrace/messages/paging.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <utility>

#include <caf/fwd.hpp>
#include <tl/expected.hpp>

namespace millrace::tools {

/// Asks for a result of any size page by page, for a thread that waits. What may fare better is asked for again, for a
/// minute at most.
class page_reader {
public:
  page_reader(caf::actor_system& system, engine_actor front) : system_(system), front_(std::move(front)) {}

  /// The first page. Each page may take as long as the query's deadline says.
  [[nodiscard]] tl::expected<row_page, failure> first(query question);
  /// The page at a position that the page before gave. `cursor_lost` where its state is gone.
  [[nodiscard]] tl::expected<row_page, failure> next(const page_cursor& position);

private:
  template <class Request>
  tl::expected<row_page, failure> ask(const Request& request);
  template <class Request>
  tl::expected<row_page, failure> ask_once(const Request& request, std::chrono::steady_clock::duration wait);

  caf::actor_system& system_; ///< Not owned; outlives the reader.
  engine_actor front_;
};

} // namespace millrace::tools
