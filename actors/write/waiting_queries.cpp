#include "waiting_queries.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include <caf/mailbox_element.hpp>

namespace millrace {

waiting_queries::~waiting_queries() {
  // Their room is forgotten with the queue.
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
  const caf::response_promise& promised = one.answer;
  const auto bytes = one.admitted.bytes;
  const auto deadline = one.admitted.deadline;
  waiting_request request{
    caf::make_mailbox_element(promised.source(), promised.id(), promised.stages(), std::move(one.admitted)), bytes,
    std::chrono::steady_clock::now(), deadline};
  if (board_->pass_on(request)) {
    board_->queue_room().give_back(1, bytes);
  } else if (board_->closed()) {
    refuse(one, {errc::shutting_down, ""});
  } else {
    refuse(one, {errc::unavailable, "every reader is being restarted"});
  }
}

void waiting_queries::refuse(waiter& one, failure why) const {
  board_->queue_room().give_back(1, one.admitted.bytes);
  one.answer.deliver(to_error(std::move(why)));
}

void waiting_queries::expire(monotonic_time now) {
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    const auto current = next++;
    auto& [seq, one] = *current;
    if (now > one.admitted.deadline) {
      refuse(one, {errc::deadline_exceeded, "seq " + std::to_string(seq) + " was not applied in time"});
      waiters_.erase(current);
    }
  }
}

} // namespace millrace
