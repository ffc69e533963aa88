#pragma once

#include <millrace/actors/base/backoff.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include <caf/fwd.hpp>
#include <caf/scoped_actor.hpp>
#include <tl/expected.hpp>

namespace millrace {

class resend;

/// A blocking client for code that is no actor. One thread at a time; a thread more wants a client more.
///
/// It names each transaction that carries no name, and sends again what was not answered or may succeed later, so a
/// transaction takes effect once at most however often it was sent.
class client {
public:
  /// `patience` bounds every call. After it the answer is the last failure where the request certainly had no effect,
  /// `outcome_unknown` where a transaction may have had one.
  client(caf::actor_system& system, engine_actor front, std::chrono::milliseconds patience = std::chrono::seconds{60});

  tl::expected<outcome, failure> execute(transaction work);
  template <parameter... Ts>
  tl::expected<outcome, failure> execute(std::string_view sql, Ts&&... parameters) {
    return execute(millrace::execute(sql, std::forward<Ts>(parameters)...));
  }

  tl::expected<row_set, failure> query(millrace::query question);
  template <parameter... Ts>
  tl::expected<row_set, failure> query(std::string_view sql, Ts&&... parameters) {
    return query(select(sql, std::forward<Ts>(parameters)...));
  }

  /// Asks once.
  tl::expected<health_report, failure> health();

private:
  template <class Answer, class Request>
  tl::expected<Answer, failure> ask(std::chrono::milliseconds time_limit, Request request);
  template <class Answer, class Request>
  tl::expected<Answer, failure> insist(resend& life, const Request& request);

  caf::actor_system& system_;
  std::optional<caf::scoped_actor> self_;
  engine_actor front_;
  std::chrono::milliseconds patience_;
  transaction_name last_name_;
  backoff delays_{{}};
};

} // namespace millrace
