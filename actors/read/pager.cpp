#include "pager.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace {

namespace {

/// What all results that are kept hold: as much as one piece of work may. One alone is kept whatever it holds.
constexpr std::uint64_t kept_bytes_max = 256ull * 1024 * 1024;

/// Whether two questions have one result. Their deadlines need not be the same: what is sent again has less time left.
bool same_result(const query& one, const query& other) {
  return one.statement == other.statement && one.consistency == other.consistency
         && one.at_least_seq == other.at_least_seq;
}

} // namespace

storage::result<row_page> pager::first(const page_query& asked, const page_request& request) {
  auto started = start(asked.question, request);
  if (!started) {
    return tl::unexpected{std::move(started).error()};
  }
  return read(std::move(*started), asked.page_rows, request);
}

storage::result<row_page> pager::next(const page_cursor& position, const page_request& request) {
  auto kept = take(position);
  if (!kept) {
    auto found = find_again(position, request);
    if (!found) {
      return tl::unexpected{std::move(found).error()};
    }
    kept = std::move(*found);
  }
  return read(std::move(kept), position.page_rows, request);
}

std::size_t pager::tidy(monotonic_time now) {
  std::erase_if(kept_, [&](const open_result_ptr& one) {
    return now - one->used >= settings_.lease || (one->from.gone() && one->from.elsewhere(settings_.node));
  });
  if (!settings_.starving || !settings_.starving->load(std::memory_order_relaxed)) {
    return 0;
  }
  return std::erase_if(kept_, [&](const open_result_ptr& one) { return now - one->began >= settings_.lease; });
}

storage::result<pager::open_result_ptr> pager::start(const query& question, const page_request& request) {
  auto database = settings_.open_database();
  if (!database) {
    return tl::unexpected{std::move(database).error()};
  }
  auto within = limits(request.now, request);
  within.least_seq = question.consistency == consistency::at_least ? question.at_least_seq : 0;
  auto rows = (*database)->start(question, within);
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  return std::make_unique<open_result>(open_result{.database = std::move(*database),
                                                   .rows = std::move(*rows),
                                                   .question = question,
                                                   .number = ++last_number_,
                                                   .began = request.now,
                                                   .used = request.now,
                                                   .from = request.from});
}

storage::result<pager::open_result_ptr> pager::find_again(const page_cursor& position, const page_request& request) {
  if (!request.may_begin) {
    return storage::fail(errc::cursor_lost,
                         "the rows were dropped, and nothing is read anew while readers keep the "
                         "database's log from being emptied");
  }
  auto started = start(position.question, request);
  if (!started) {
    return started;
  }
  auto& again = **started;
  if (again.rows->seq() != position.seq) {
    return storage::fail(errc::cursor_lost, "the pages came from the state of seq " + std::to_string(position.seq)
                                              + ", which is now that of seq " + std::to_string(again.rows->seq()));
  }
  if (auto skipped = again.rows->skip(position.offset, limits(again.began, request)); !skipped) {
    return tl::unexpected{std::move(skipped).error()};
  }
  again.offset = position.offset;
  return started;
}

/// A number alone is not believed: another incarnation of the reader may have given it, and clients can make it up.
pager::open_result_ptr pager::take(const page_cursor& position) {
  const auto found = std::ranges::find_if(kept_, [&](const open_result_ptr& one) {
    return one->number == position.number && one->offset == position.offset && one->rows->seq() == position.seq
           && same_result(one->question, position.question);
  });
  if (position.reader != settings_.reader || found == kept_.end()) {
    return nullptr;
  }
  auto one = std::move(*found);
  kept_.erase(found);
  return one;
}

void pager::keep(open_result_ptr one, const page_request& request) {
  one->used = request.now;
  one->from = request.from;
  kept_.push_back(std::move(one));
  while (kept_.size() > settings_.cursors_max || (kept_.size() > 1 && bytes_held() > kept_bytes_max)) {
    kept_.erase(kept_.begin());
  }
}

std::uint64_t pager::bytes_held() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& one : kept_) {
    sum += one->rows->bytes_held();
  }
  return sum;
}

/// A result that failed is not kept: one that was interrupted cannot be read on.
storage::result<row_page> pager::read(open_result_ptr from, std::uint32_t page_rows, const page_request& request) {
  const auto count = std::clamp(page_rows, std::uint32_t{1}, limits::rows_max);
  auto rows = from->rows->next(count, limits(from->began, request));
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  row_page page{.rows = std::move(*rows), .next = std::nullopt};
  if (!page.rows.truncated()) {
    return page;
  }
  if (page.rows.empty()) {
    return storage::fail(errc::too_large, "row " + std::to_string(from->offset + 1) + " is more than a page may hold");
  }
  from->offset += page.rows.size();
  page.next = page_cursor{.question = from->question,
                          .page_rows = count,
                          .seq = from->rows->seq(),
                          .offset = from->offset,
                          .reader = settings_.reader,
                          .number = from->number};
  keep(std::move(from), request);
  return page;
}

storage::read_limits pager::limits(monotonic_time began, const page_request& request) const {
  const auto left = settings_.lease - (request.now - began);
  return {.deadline = request.deadline,
          .lease_end = std::chrono::steady_clock::now() + left,
          .starving = settings_.starving.get(),
          .closing = settings_.closing.get(),
          .asked_by = request.asked_by};
}

} // namespace millrace
