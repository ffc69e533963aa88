#include "operations.hpp"

#include "forward.hpp"

#include <millrace/actors/base/answer.hpp>

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/make_actor.hpp>

namespace millrace {

operations::operations(caf::actor_config& config, std::shared_ptr<address_book> board, ad_hoc_changes policy)
  : caf::monitorable_actor(config), board_(std::move(board)), policy_(policy) {}

std::set<std::string> operations::message_types() const {
  return home_system().message_types<operations_actor>();
}

void operations::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto known = wire::visit_request(operations_requests{}, message->content(), [&]<class Row>(Row) {
    serve(std::type_identity<typename Row::request>{}, std::move(message), host);
  });
  if (!known) {
    answer_unexpected(*message);
  }
}

void operations::serve(std::type_identity<quarantine_list>, caf::mailbox_element_ptr message,
                       caf::execution_unit* host) {
  ask_reader(std::move(message), host);
}

void operations::serve(std::type_identity<quarantine_reasons_request>, caf::mailbox_element_ptr message,
                       caf::execution_unit* host) {
  ask_reader(std::move(message), host);
}

void operations::serve(std::type_identity<quarantine_resubmit>, caf::mailbox_element_ptr message,
                       caf::execution_unit* host) {
  const auto seq = message->content().get_as<quarantine_resubmit>(0).seq;
  order(std::move(message), {seq, storage::quarantine_order::action::resubmit}, host);
}

void operations::serve(std::type_identity<quarantine_discard>, caf::mailbox_element_ptr message,
                       caf::execution_unit* host) {
  const auto seq = message->content().get_as<quarantine_discard>(0).seq;
  order(std::move(message), {seq, storage::quarantine_order::action::discard}, host);
}

void operations::serve(std::type_identity<quarantine_set_aside>, caf::mailbox_element_ptr message,
                       caf::execution_unit* host) {
  give_to_queue(std::move(message), host);
}

void operations::serve(std::type_identity<schema_change>, caf::mailbox_element_ptr message, caf::execution_unit* host) {
  if (auto refused = refusal_of(message->content().get_as<schema_change>(0))) {
    return refuse(*message, std::move(*refused));
  }
  give_to_queue(std::move(message), host);
}

void operations::serve(std::type_identity<schema_rehearsal>, caf::mailbox_element_ptr message,
                       caf::execution_unit* host) {
  for (const auto& change : message->content().get_as<schema_rehearsal>(0).changes) {
    if (auto refused = refusal_of(change)) {
      return refuse(*message, std::move(*refused));
    }
  }
  if (!board_->to_writer(message, host)) {
    refuse_absent(*message, *board_, "the writer");
  }
}

void operations::serve(std::type_identity<schema_state_request>, caf::mailbox_element_ptr message,
                       caf::execution_unit* host) {
  ask_reader(std::move(message), host);
}

void operations::ask_reader(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto tried = board_->admit_lookup(priority::operations, message, host);
  if (!tried.done) {
    refuse_undelivered(*message, *board_, tried, "every reader", "queries");
  }
}

std::optional<failure> operations::refusal_of(const schema_change& change) const {
  if (change.step == schema_step::ad_hoc && policy_ == ad_hoc_changes::refuse) {
    return failure{errc::not_permitted,
                   "this engine's schema changes through scripts and migrations alone (`ad_hoc_schema`)"};
  }
  return check(change);
}

void operations::order(caf::mailbox_element_ptr message, storage::quarantine_order wanted, caf::execution_unit* host) {
  give_to_queue(readdress(*message, ordered_work{wanted}), host);
}

void operations::give_to_queue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  make_urgent(home_system(), *message);
  if (!board_->to_queue(message, host)) {
    refuse_absent(*message, *board_, "the write-ahead queue");
  }
}

operations_actor spawn_operations(caf::actor_system& system, std::shared_ptr<address_book> board,
                                  ad_hoc_changes policy) {
  caf::actor_config config;
  return caf::actor_cast<operations_actor>(caf::make_actor<operations, caf::strong_actor_ptr>(
    system.next_actor_id(), system.node(), &system, config, std::move(board), policy));
}

} // namespace millrace
