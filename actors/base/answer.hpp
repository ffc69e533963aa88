#pragma once

#include <utility>

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

/// How those answer who have no mailbox of their own. CAF 0.17's `bounce` says "receiver down" whatever it is told.
namespace millrace {

/// Answers a request; what is no request gets no answer.
inline void answer(const caf::mailbox_element& request, caf::message content) {
  const auto& asker = request.stages.empty() ? request.sender : request.stages.back();
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
