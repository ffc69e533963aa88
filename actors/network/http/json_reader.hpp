#pragma once

#include <millrace/actors/base/expected.hpp>
#include <millrace/messages/error.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

/// What programs send as JSON. Nothing is built but the messages themselves: a body costs no more memory than what it
/// says, and what goes beyond the limits of `messages/` is refused where it stands. Every failure is `malformed` or
/// `too_large`, and its detail says where: `statements[3].parameters[0]: …`.
namespace millrace::network::http {

/// How many transactions one body may hold.
inline constexpr std::size_t transactions_max = 10'000;

/// What a body of `POST /v1/transactions` says.
struct transactions_asked {
  std::vector<transaction> all;
  bool many = false; ///< Whether it was an array, and so is the answer.
};

/// Any thread.
[[nodiscard]] expected<transactions_asked> read_transactions(std::string_view body);

/// What a body of `POST /v1/queries` says.
struct query_asked {
  query question;
  bool bounded = false; ///< Whether it says `max_rows`.
};

[[nodiscard]] expected<query_asked> read_query(std::string_view body);

} // namespace millrace::network::http
