#include "waiting_queries.hpp"

#include <algorithm>
#include <string>

namespace millrace {

waiting_queries::~waiting_queries() {
  for (auto& [seq, one] : waiters_) {
    one.answer.deliver(to_error({errc::unavailable, "the write-ahead queue ended while the query waited"}));
  }
}

void waiting_queries::add(std::uint64_t seq, waiter one) {
  waiters_.emplace(seq, std::move(one));
}

void waiting_queries::wake(std::uint64_t applied_seq) {
  const auto end = waiters_.upper_bound(applied_seq);
  std::for_each(waiters_.begin(), end, [this](auto& due) { forward(due.second); });
  waiters_.erase(waiters_.begin(), end);
}

void waiting_queries::forward(waiter& one) const {
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
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    const auto current = next++;
    auto& [seq, one] = *current;
    if (now > one.admitted.deadline) {
      one.answer.deliver(
        to_error({errc::deadline_exceeded, "seq " + std::to_string(seq) + " was not applied in time"}));
      waiters_.erase(current);
    }
  }
}

} // namespace millrace
