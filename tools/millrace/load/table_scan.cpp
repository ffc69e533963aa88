#include "table_scan.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/client/resend.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <caf/scoped_actor.hpp>
#include <tl/expected.hpp>

namespace millrace::tools {

namespace {

constexpr std::uint32_t page_rows = 10'000;
constexpr int attempts_max = 50;
constexpr std::chrono::milliseconds attempt_delay{100};
constexpr std::chrono::seconds page_patience{60};

template <class Request>
tl::expected<row_page, failure> ask(caf::scoped_actor& self, const engine_actor& front, const Request& request) {
  tl::expected<row_page, failure> result;
  self->request(front, page_patience, request)
    .receive([&](row_page& page) { result = std::move(page); },
             [&](const caf::error& reason) { result = tl::unexpected{without_doubt(failure_of(reason))}; });
  return result;
}

/// The first page of what a query gives in a state that has everything accepted before.
tl::expected<row_page, failure> first_page(caf::scoped_actor& self, const engine_actor& front, query question) {
  auto newest = select("SELECT 1");
  newest.consistency = consistency::linearizable;
  const auto state = client{self->system(), front}.query(std::move(newest));
  if (!state) {
    return tl::unexpected{state.error()};
  }
  question.consistency = consistency::at_least;
  question.at_least_seq = state->seq();
  return ask(self, front, page_query{std::move(question), page_rows});
}

} // namespace

table_scan::table_scan(caf::actor_system& system, engine_actor front, const std::string& table,
                       std::span<const std::string> columns)
  : system_(system),
    front_(std::move(front)),
    select_("SELECT " + identifier_list(columns) + " FROM " + quote_identifier(table)) {}

std::string table_scan::each_row(const std::function<void()>& begin, const visit_row& visit,
                                 const tell_progress& on_progress) const {
  caf::scoped_actor self{system_};
  std::uint64_t rows = 0;
  std::optional<page_cursor> next;
  for (int attempt = 1;;) {
    const auto page = next ? ask(self, front_, *next) : first_page(self, front_, select(select_));
    if (page) {
      if (!next) {
        begin();
        rows = 0;
      }
      for (const auto row : page->rows) {
        visit(row);
      }
      rows += page->rows.size();
      next = page->next;
    } else if (kind(page.error().code) == error_kind::retryable && attempt++ < attempts_max) {
      next.reset();
      std::this_thread::sleep_for(attempt_delay);
    } else {
      return to_string(page.error());
    }
    if (!on_progress(rows)) {
      return "it was interrupted.";
    }
    if (page && !next) {
      return {};
    }
  }
}

} // namespace millrace::tools
