#pragma once

#include "admission.hpp"
#include "switchboard.hpp"

#include <millrace/messages/interfaces.hpp>

#include <memory>
#include <set>
#include <string>

#include <caf/monitorable_actor.hpp>

namespace millrace {

/// The one stable address. It checks requests, makes room for them, and puts them into the mailbox of whoever serves
/// them now, so that the answer goes straight from there to the client.
///
/// It does all this in the thread of the sender, inside `enqueue`: it has no mailbox, no thread and no turn to wait
/// for, so it costs no hop. Nothing that is sent to it can end it, an exit message least of all.
class front : public caf::monitorable_actor {
public:
  front(caf::actor_config& config, std::shared_ptr<switchboard> board, std::shared_ptr<admission> room);

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override;
  const char* name() const override { return "front"; }
  std::set<std::string> message_types() const override;

private:
  void accept(caf::mailbox_element_ptr message, caf::execution_unit* host);
  void ask(caf::mailbox_element_ptr message, caf::execution_unit* host);
  void refuse(caf::mailbox_element_ptr& message, failure why);
  void answer(caf::mailbox_element_ptr& message, caf::error why);
  void refuse_absent(caf::mailbox_element_ptr& message, const char* who);

  std::shared_ptr<switchboard> board_;
  std::shared_ptr<admission> room_;
};

engine_actor spawn_front(caf::actor_system& system, std::shared_ptr<switchboard> board,
                         std::shared_ptr<admission> room);

} // namespace millrace
