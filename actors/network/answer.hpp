#pragma once

#include <utility>

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>

namespace millrace::network {

/// Answers a request with an error; what is no request gets none.
inline void answer(const caf::mailbox_element& message, caf::error why) {
  const auto& asker = message.stages.empty() ? message.sender : message.stages.back();
  if (asker && message.mid.is_request()) {
    asker->enqueue(nullptr, message.mid.response_id(), caf::make_message(std::move(why)), nullptr);
  }
}

} // namespace millrace::network
