#pragma once

#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/work.hpp>

#include <cstddef>
#include <cstdint>

#include <caf/allowed_unsafe_message_type.hpp>

/// Requests that were let in, as they travel on from the front. Inside one process only.
namespace millrace {

/// A transaction that the front has checked and made room for.
struct admitted_transaction {
  transaction work;
  std::size_t bytes = 0;   ///< What it holds of the admission bound until it is applied.
  monotonic_time deadline; ///< `time_point::max()` where there is none.
};

/// What an operator wants of a transaction in quarantine; it goes through the log.
struct ordered_work {
  storage::quarantine_order order;
};

/// Asks a reader what became of a named transaction.
struct recorded_outcome_request {
  std::uint64_t seq = 0;
};

/// A query that the front has checked and made room for.
struct admitted_query {
  query question;
  std::size_t bytes = 0; ///< What it holds of an admission bound where it waits.
  monotonic_time arrival;
  monotonic_time deadline;
  /// What the state that it is answered from must hold at least; 0 where any will do.
  std::uint64_t least_seq = 0;
};

/// A query that the queue keeps until its state is applied. Consistency and `seq` stand in the query.
struct waiting_query {
  admitted_query admitted;
};

/// Asks for a page; the front has checked it and made room.
struct admitted_page_query {
  page_query question;
  std::size_t bytes = 0; ///< As above.
  monotonic_time deadline;
};
struct admitted_page_cursor {
  page_cursor position;
  std::size_t bytes = 0; ///< As above.
  monotonic_time deadline;
};

} // namespace millrace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_transaction)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::waiting_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::ordered_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::recorded_outcome_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_page_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_page_cursor)
