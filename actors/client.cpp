#include "client.hpp"

#include <utility>

namespace millrace {

namespace {

/// Sends a request and blocks for its answer.
template <class Answer, class Request>
tl::expected<Answer, failure> ask(caf::scoped_actor& self, const engine_actor& front,
                                  std::chrono::milliseconds patience, Request request) {
  tl::expected<Answer, failure> result;
  self->request(front, patience, std::move(request))
    .receive([&](Answer& answer) { result = std::move(answer); },
             [&](const caf::error& reason) { result = tl::unexpected<failure>{failure_of(reason)}; });
  return result;
}

/// A request that only reads had no effect whatever became of it: what is unknown for a transaction is retryable here.
template <class Answer>
tl::expected<Answer, failure> without_doubt(tl::expected<Answer, failure> result) {
  if (!result && result.error().code == errc::outcome_unknown) {
    result.error().code = errc::reader_failed;
  }
  return result;
}

} // namespace

client::client(caf::actor_system& system, engine_actor front, std::chrono::milliseconds patience)
  : self_(system), front_(std::move(front)), patience_(patience) {}

tl::expected<outcome, failure> client::execute(transaction work) {
  return ask<outcome>(self_, front_, patience_, std::move(work));
}

tl::expected<row_set, failure> client::query(millrace::query question) {
  return without_doubt(ask<row_set>(self_, front_, patience_, std::move(question)));
}

tl::expected<health_report, failure> client::health() {
  return without_doubt(ask<health_report>(self_, front_, patience_, health_request{}));
}

} // namespace millrace
