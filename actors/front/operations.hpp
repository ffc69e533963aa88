#pragma once

#include "address_book.hpp"
#include "schema_options.hpp"

#include <millrace/messages/wire/interfaces.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>

#include <caf/monitorable_actor.hpp>

namespace millrace {

/// Passes on what operators want: questions to a reader, orders to the queue, before all bulk work. Like the front it
/// does so in the thread of the sender, and nothing that is sent to it can end it.
class operations : public caf::monitorable_actor {
public:
  operations(caf::actor_config& config, std::shared_ptr<address_book> board, ad_hoc_changes policy);

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override;
  const char* name() const override { return "operations"; }
  std::set<std::string> message_types() const override;

private:
  // One for each of `operations_requests`.
  void serve(std::type_identity<quarantine_list>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<quarantine_reasons_request>, caf::mailbox_element_ptr message,
             caf::execution_unit* host);
  void serve(std::type_identity<quarantine_resubmit>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<quarantine_discard>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<quarantine_set_aside>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<schema_change>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<schema_rehearsal>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<schema_state_request>, caf::mailbox_element_ptr message, caf::execution_unit* host);

  void ask_reader(caf::mailbox_element_ptr message, caf::execution_unit* host);
  std::optional<failure> refusal_of(const schema_change& change) const;
  void order(caf::mailbox_element_ptr message, storage::quarantine_order wanted, caf::execution_unit* host);
  void give_to_queue(caf::mailbox_element_ptr message, caf::execution_unit* host);

  std::shared_ptr<address_book> board_;
  ad_hoc_changes policy_;
};

operations_actor spawn_operations(caf::actor_system& system, std::shared_ptr<address_book> board,
                                  ad_hoc_changes policy = ad_hoc_changes::allow);

} // namespace millrace
