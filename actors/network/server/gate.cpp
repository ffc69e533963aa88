#include "gate.hpp"

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/network/connection/node.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <type_traits>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>

namespace millrace::network {

namespace {

std::string shown(const wire::versions& all) {
  return "versions " + std::to_string(all.oldest) + " to " + std::to_string(all.newest);
}

node_bytes asking_node(const caf::mailbox_element& message) {
  return message.sender ? bytes_of(message.sender->node()) : node_bytes{};
}

} // namespace

gate::gate(caf::actor_config& config, served_actors served, const gate_rules& rules,
           std::shared_ptr<connection_book> book)
  : caf::monitorable_actor(config),
    engine_(caf::actor_cast<caf::strong_actor_ptr>(std::move(served.engine))),
    operations_(caf::actor_cast<caf::strong_actor_ptr>(std::move(served.operations))),
    rules_(rules),
    book_(std::move(book)) {}

void gate::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto& content = message->content();
  if (content.match_elements<wire::hello>()) {
    return greet(*message);
  }
  if (book_->any_version_refused()) {
    if (auto why = book_->version_refused(asking_node(*message))) {
      return answer(*message, to_error(std::move(*why)));
    }
  }
  // CAF makes an empty message of values that it cannot read, which is no request.
  const auto least = wire::least_role(content);
  const auto& served = least == wire::role::operations ? operations_ : engine_;
  if (!least || !served) {
    return answer_unexpected(*message);
  }
  shorten(message->content());
  calm(message->content());
  served->enqueue(std::move(message), host);
}

/// A query takes at most as long as it may here, and not as it says. What came from another node is nobody else's.
void gate::shorten(caf::type_erased_tuple& request) const {
  const auto at_most = rules_.query_time_max;
  const auto keep_within = [&request, at_most]<class Request>(std::type_identity<Request>, auto question_of) {
    if (request.match_elements<Request>() && question_of(request.get_as<Request>(0)).deadline > at_most) {
      question_of(request.get_mutable_as<Request>(0)).deadline = at_most;
    }
  };
  if (at_most.count() > 0) {
    keep_within(
      std::type_identity<query>{}, [](auto& asked) -> auto& { return asked; });
    keep_within(
      std::type_identity<page_query>{}, [](auto& asked) -> auto& { return asked.question; });
    keep_within(
      std::type_identity<page_cursor>{}, [](auto& asked) -> auto& { return asked.question; });
  }
}

/// Only operators overtake others. What an engine of this process is sent stays as it is.
void gate::calm(caf::type_erased_tuple& request) const {
  if (rules_.admits != wire::role::operations && request.match_elements<transaction>()
      && request.get_as<transaction>(0).priority != priority::bulk) {
    request.get_mutable_as<transaction>(0).priority = priority::bulk;
  }
}

void gate::greet(const caf::mailbox_element& message) {
  const auto speaks = message.content().get_as<wire::hello>(0).speaks;
  if (const auto version = wire::common(wire::spoken, speaks)) {
    return answer(message, caf::make_message(wire::welcome{*version, rules_.admits}));
  }
  auto why = wire::mismatch(wire::spoken, speaks);
  book_->refuse_version(asking_node(message), why,
                        "it speaks " + shown(speaks) + ", this server " + shown(wire::spoken));
  answer(message, to_error(std::move(why)));
}

std::set<std::string> gate::message_types() const {
  return wire::interface_of(rules_.admits, home_system());
}

caf::strong_actor_ptr spawn_gate(caf::actor_system& system, served_actors served, const gate_rules& rules,
                                 std::shared_ptr<connection_book> book) {
  caf::actor_config config;
  return caf::make_actor<gate, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config,
                                                      std::move(served), rules, std::move(book));
}

void close_gate(const caf::strong_actor_ptr& made_by_spawn) {
  static_cast<gate*>(caf::actor_cast<caf::abstract_actor*>(made_by_spawn))->close();
}

} // namespace millrace::network
