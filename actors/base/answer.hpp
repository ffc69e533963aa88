#pragma once

#include <utility>

#include <caf/abstract_actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

/// How those answer who have no mailbox of their own. CAF 0.17's `bounce` says "receiver down" whatever it is told.
namespace millrace {

/// Who is answered; null where nobody is.
inline const caf::strong_actor_ptr& asker_of(const caf::mailbox_element& request) noexcept {
  return request.stages.empty() ? request.sender : request.stages.back();
}

/// Whether an actor has ended. One elsewhere ends here with the connection that it asked over.
inline bool is_gone(const caf::strong_actor_ptr& asker) noexcept {
  constexpr int ended = caf::abstract_actor::is_terminated_flag | caf::abstract_actor::is_cleaned_up_flag;
  return asker && caf::actor_cast<caf::abstract_actor*>(asker)->getf(ended);
}

/// Answers a request; what is no request gets no answer.
inline void answer(const caf::mailbox_element& request, caf::message content) {
  const auto& asker = asker_of(request);
  if (asker && request.mid.is_request()) {
    asker->enqueue(nullptr, request.mid.response_id(), std::move(content), nullptr);
  }
}

inline void answer(const caf::mailbox_element& request, caf::error why) {
  answer(request, caf::make_message(std::move(why)));
}

/// For what is not understood here.
inline void answer_unexpected(const caf::mailbox_element& request) {
  answer(request, caf::make_error(caf::sec::unexpected_message));
}

} // namespace millrace
