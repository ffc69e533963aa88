#include "operations.hpp"

#include "forward.hpp"

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/delegated.hpp>

namespace millrace {

operations_actor::behavior_type operations_state::make_behavior(std::shared_ptr<switchboard> board) {
  using action = storage::quarantine_order::action;
  board_ = std::move(board);
  return {
    [this](const quarantine_list& request) { return list(request); },
    [this](const quarantine_resubmit& request) {
      return order({request.seq, action::resubmit});
    },
    [this](const quarantine_discard& request) {
      return order({request.seq, action::discard});
    },
  };
}

caf::result<quarantine_listing> operations_state::list(const quarantine_list& request) {
  const auto reader = board_->pick_reader();
  if (!reader) {
    return absent("every reader is being restarted");
  }
  auto answer = self_->make_response_promise<quarantine_listing>();
  answer.delegate(reader, request);
  return answer;
}

caf::result<outcome> operations_state::order(storage::quarantine_order wanted) {
  const auto queue = board_->closed() ? caf::actor{} : board_->find("queue");
  if (!queue) {
    return absent("the write-ahead queue is being restarted");
  }
  auto* asked = self_->current_mailbox_element();
  auto forwarded = readdress(*asked, ordered_work{wanted});
  asked->mid.mark_as_answered();
  make_urgent(self_->system(), *forwarded);
  caf::actor_cast<caf::abstract_actor*>(queue)->enqueue(std::move(forwarded), self_->context());
  return caf::delegated<outcome>{};
}

caf::error operations_state::absent(const char* why) const {
  return to_error(board_->closed() ? failure{errc::shutting_down, ""} : failure{errc::unavailable, why});
}

operations_actor::behavior_type operations(operations_actor::stateful_pointer<operations_state> self,
                                           std::shared_ptr<switchboard> board) {
  return self->state.make_behavior(std::move(board));
}

} // namespace millrace
