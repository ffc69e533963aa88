#pragma once

#include <millrace/actors/front/address_book.hpp>
#include <millrace/actors/front/admitted.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include <caf/typed_response_promise.hpp>

namespace millrace {

/// Queries that see a state which is not applied yet, each answered exactly once: by a reader once it is, by a failure
/// where it comes too late or never. The queue's thread only.
class waiting_queries {
public:
  explicit waiting_queries(std::shared_ptr<address_book> board) : board_(std::move(board)) {}
  waiting_queries(const waiting_queries&) = delete;
  waiting_queries& operator=(const waiting_queries&) = delete;
  /// Answers all that still wait: `unavailable`.
  ~waiting_queries();

  struct waiter {
    admitted_query admitted;
    caf::typed_response_promise<row_set> answer;
  };

  /// Gives a reader a query that waits for nothing.
  void forward(waiter& one) const;

  /// Answers a query with a failure.
  void refuse(waiter& one, failure why) const;

  /// Takes a query that waits for `seq`.
  void add(std::uint64_t seq, waiter one);

  /// Gives a reader those that wait for no more than what is applied.
  void wake(std::uint64_t applied_seq);

  /// Answers those that have waited beyond their deadlines.
  void expire(monotonic_time now);

  bool empty() const noexcept { return waiters_.empty(); }

private:
  std::shared_ptr<address_book> board_;
  std::multimap<std::uint64_t, waiter> waiters_; ///< By the `seq` that each waits for.
};

} // namespace millrace
