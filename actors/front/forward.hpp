#pragma once

#include "address_book.hpp"

#include <millrace/messages/error.hpp>

#include <utility>

#include <caf/fwd.hpp>
#include <caf/mailbox_element.hpp>

/// How a request is passed on so that its answer goes straight to whoever asked, or is refused.
namespace millrace {

/// Replaces what a mailbox element holds; sender and request number stay, so the answer finds its way.
template <class T>
caf::mailbox_element_ptr readdress(caf::mailbox_element& message, T content) {
  return caf::make_mailbox_element(std::move(message.sender), message.mid, std::move(message.stages),
                                   std::move(content));
}

/// Lets a request overtake others in the mailbox that it is put into.
void make_urgent(caf::actor_system& system, caf::mailbox_element& message);

void refuse(const caf::mailbox_element& request, failure why);
/// Because `who` should serve it is down, or the engine is closed.
void refuse_absent(const caf::mailbox_element& request, const address_book& board, const char* who);
/// Because it could not be put into the mailbox of `who`, where other `what` wait.
void refuse_undelivered(const caf::mailbox_element& request, const address_book& board,
                        const address_book::delivery& tried, const char* who, const char* what);

} // namespace millrace
