#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include <caf/fwd.hpp>
#include <tl/expected.hpp>

namespace millrace {

/// A blocking client for code that is no actor. One thread at a time; a thread more wants a client more.
///
/// It names each transaction that carries no name, and sends again what was not answered or may succeed later, so a
/// transaction takes effect once at most however often it was sent.
class client {
public:
  /// `patience` bounds every call. After it the answer is the last failure where the request certainly had no effect,
  /// `outcome_unknown` where a transaction may have had one.
  client(caf::actor_system& system, engine_actor front, std::chrono::milliseconds patience = std::chrono::seconds{60});
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();

  [[nodiscard]] tl::expected<outcome, failure> execute(transaction work);
  template <parameter... Ts>
  [[nodiscard]] tl::expected<outcome, failure> execute(std::string_view sql, Ts&&... parameters) {
    return execute(millrace::execute(sql, std::forward<Ts>(parameters)...));
  }

  /// The id of a new client, for transactions that the program names itself.
  [[nodiscard]] tl::expected<client_id, failure> issue_id();

  [[nodiscard]] tl::expected<row_set, failure> query(millrace::query question);
  template <parameter... Ts>
  [[nodiscard]] tl::expected<row_set, failure> query(std::string_view sql, Ts&&... parameters) {
    return query(select(sql, std::forward<Ts>(parameters)...));
  }

  /// Asks once.
  [[nodiscard]] tl::expected<health_report, failure> health();

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace millrace
