#pragma once

#include "switchboard.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <caf/typed_response_promise.hpp>

namespace millrace {

/// Queries that see a state which is not applied yet, each answered exactly once: by a reader once it is, by a failure
/// where it comes too late or never. The queue's thread only.
class waiting_queries {
public:
  explicit waiting_queries(std::shared_ptr<switchboard> board) : board_(std::move(board)) {}
  waiting_queries(const waiting_queries&) = delete;
  waiting_queries& operator=(const waiting_queries&) = delete;
  /// Answers all that still wait: `unavailable`.
  ~waiting_queries();

  /// Takes a query that waits for `seq`, and the promise of its answer.
  void add(std::uint64_t seq, admitted_query question, caf::typed_response_promise<row_set> answer);

  /// Gives a reader those that wait for no more than what is applied.
  void wake(std::uint64_t applied_seq);

  /// Answers those that have waited beyond their deadlines.
  void expire(monotonic_time now);

  bool empty() const noexcept { return waiters_.empty(); }

private:
  struct waiter {
    std::uint64_t seq = 0;
    admitted_query admitted;
    caf::typed_response_promise<row_set> answer;
  };

  void forward(waiter& one);

  std::shared_ptr<switchboard> board_;
  std::vector<waiter> waiters_;
};

} // namespace millrace
