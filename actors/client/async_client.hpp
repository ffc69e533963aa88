#pragma once

#include "courier.hpp"

#include <millrace/actors/base/expected.hpp>

#include <future>
#include <memory>
#include <string_view>
#include <utility>

#include <caf/fwd.hpp>

namespace millrace {

/// Many requests at once for code that is no actor: each call gives a future. Any thread, any number at once.
///
/// What it sends is named and sent again as a courier does it, so a transaction takes effect once at most. Transactions
/// may overtake each other: who needs one before another waits for its future first. Its destructor does not wait:
/// what has no answer by then is answered `outcome_unknown`, or as a query that failed.
class async_client {
public:
  /// Of the settings, `unanswered_max` makes a call wait instead of refusing it: until so many have no answer any more.
  explicit async_client(caf::actor_system& system, engine_actor front, courier_options settings = {});
  async_client(async_client&&) noexcept;
  async_client& operator=(async_client&&) noexcept;
  ~async_client();

  [[nodiscard]] std::future<expected<outcome>> execute(transaction work);
  template <parameter... Ts>
  [[nodiscard]] std::future<expected<outcome>> execute(std::string_view sql, Ts&&... parameters) {
    return execute(millrace::execute(sql, std::forward<Ts>(parameters)...));
  }

  /// At most as many rows as the query says; `row_set::truncated` tells whether there were more.
  [[nodiscard]] std::future<expected<row_set>> query(millrace::query question);
  template <parameter... Ts>
  [[nodiscard]] std::future<expected<row_set>> query(std::string_view sql, Ts&&... parameters) {
    return query(select(sql, std::forward<Ts>(parameters)...));
  }

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace millrace
