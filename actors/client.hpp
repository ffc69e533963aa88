#pragma once

#include <millrace/messages/interfaces.hpp>

#include <chrono>
#include <string_view>
#include <utility>

#include <caf/fwd.hpp>
#include <caf/scoped_actor.hpp>
#include <tl/expected.hpp>

namespace millrace {

/// A blocking client for code that is no actor. One thread at a time; a thread more wants a client more.
class client {
public:
  /// `patience` bounds every call; a request not answered by then is `outcome_unknown` (or `unavailable` for a query).
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

  tl::expected<health_report, failure> health();

private:
  caf::scoped_actor self_;
  engine_actor front_;
  std::chrono::milliseconds patience_;
};

} // namespace millrace
