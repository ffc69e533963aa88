#include "page_reader.hpp"

#include <millrace/actors/base/backoff.hpp>
#include <millrace/actors/client/resend.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include <caf/scoped_actor.hpp>

namespace millrace::tools {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint32_t page_rows = 10'000;
/// What an answer may take beyond the query's own deadline.
constexpr std::chrono::seconds grace{2};

} // namespace

tl::expected<row_page, failure> page_reader::first(query question) {
  return ask(page_query{std::move(question), page_rows});
}

tl::expected<row_page, failure> page_reader::next(const page_cursor& position) {
  return ask(position);
}

template <class Request>
tl::expected<row_page, failure> page_reader::ask(const Request& request) {
  backoff delays{{}};
  const auto end = clock::now() + request.question.deadline;
  for (;;) {
    // As it is, its deadline too: the engine knows a result that it keeps by its question.
    auto page = ask_once(request, end + grace - clock::now());
    if (page || !worth_resending(page.error()) || page.error().code == errc::cursor_lost) {
      return page;
    }
    const auto pause = pause_before_resend(delays, page.error());
    if (clock::now() + pause > end) {
      return page;
    }
    std::this_thread::sleep_for(pause);
  }
}

template <class Request>
tl::expected<row_page, failure> page_reader::ask_once(const Request& request, clock::duration wait) {
  // An answer that comes late goes with the actor that asked.
  const caf::scoped_actor self{system_};
  tl::expected<row_page, failure> result;
  self->request(front_, std::chrono::ceil<std::chrono::milliseconds>(wait), request)
    .receive([&](row_page& page) { result = std::move(page); },
             [&](const caf::error& reason) { result = tl::unexpected{without_doubt(failure_of(reason))}; });
  return result;
}

} // namespace millrace::tools
