#pragma once

#include "address_book.hpp"

#include <millrace/messages/wire/interfaces.hpp>

#include <memory>
#include <set>
#include <string>
#include <type_traits>

#include <caf/monitorable_actor.hpp>

namespace millrace {

/// Passes on what operators want: questions to a reader, orders to the queue, before all bulk work. Like the front it
/// does so in the thread of the sender, and nothing that is sent to it can end it.
class operations : public caf::monitorable_actor {
public:
  operations(caf::actor_config& config, std::shared_ptr<address_book> board);

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override;
  const char* name() const override { return "operations"; }
  std::set<std::string> message_types() const override;

private:
  // One for each of `operations_requests`.
  void serve(std::type_identity<quarantine_list>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<quarantine_resubmit>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<quarantine_discard>, caf::mailbox_element_ptr message, caf::execution_unit* host);

  void serve(std::type_identity<quarantine_set_aside>, caf::mailbox_element_ptr message, caf::execution_unit* host);

  void order(caf::mailbox_element_ptr message, storage::quarantine_order wanted, caf::execution_unit* host);
  void give_to_queue(caf::mailbox_element_ptr message, caf::execution_unit* host);

  std::shared_ptr<address_book> board_;
};

operations_actor spawn_operations(caf::actor_system& system, std::shared_ptr<address_book> board);

} // namespace millrace
