#include "waiting_queries.hpp"

#include <algorithm>
#include <string>

namespace millrace {

waiting_queries::~waiting_queries() {
  for (auto& one : waiters_) {
    one.answer.deliver(to_error({errc::unavailable, "the write-ahead queue ended while the query waited"}));
  }
}

void waiting_queries::add(std::uint64_t seq, admitted_query question, caf::typed_response_promise<row_set> answer) {
  waiters_.push_back({seq, std::move(question), std::move(answer)});
}

void waiting_queries::wake(std::uint64_t applied_seq) {
  // clang 14 cannot use what std::ranges::stable_partition gives.
  const auto due = std::stable_partition(waiters_.begin(), waiters_.end(),
                                         [applied_seq](const waiter& one) { return one.seq > applied_seq; });
  std::for_each(due, waiters_.end(), [this](waiter& one) { forward(one); });
  waiters_.erase(due, waiters_.end());
}

void waiting_queries::forward(waiter& one) {
  const auto address = board_->pick_reader();
  if (address) {
    one.answer.delegate(address, std::move(one.admitted));
  } else if (board_->closed()) {
    one.answer.deliver(to_error({errc::shutting_down, ""}));
  } else {
    one.answer.deliver(to_error({errc::unavailable, "every reader is being restarted"}));
  }
}

void waiting_queries::expire(monotonic_time now) {
  std::erase_if(waiters_, [now](waiter& one) {
    if (now <= one.admitted.deadline) {
      return false;
    }
    one.answer.deliver(
      to_error({errc::deadline_exceeded, "seq " + std::to_string(one.seq) + " was not applied in time"}));
    return true;
  });
}

} // namespace millrace
