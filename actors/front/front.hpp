#pragma once

#include "address_book.hpp"

#include <millrace/actors/base/breaker.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>

#include <caf/monitorable_actor.hpp>
#include <tl/expected.hpp>

namespace millrace {

struct front_options {
  std::shared_ptr<address_book> board;
  /// For transactions that are to be applied, and for queries and pages; null where nothing guards them.
  std::shared_ptr<breaker> transactions;
  std::shared_ptr<breaker> queries;
  /// Asked in place of an open breaker, in the thread of the sender. One that throws counts as one that gives nothing.
  std::function<std::optional<tl::expected<outcome, failure>>(const transaction&)> transaction_fallback;
  std::function<std::optional<tl::expected<row_set, failure>>(const query&)> query_fallback;
};

/// The one stable address. It checks requests, makes room for them, and puts them into the mailbox of whoever serves
/// them now, so that the answer goes straight from there to the client.
///
/// It does all this in the thread of the sender, inside `enqueue`: it has no mailbox, no thread and no turn to wait
/// for, so it costs no hop. Nothing that is sent to it can end it, an exit message least of all.
class front : public caf::monitorable_actor {
public:
  front(caf::actor_config& config, front_options settings);

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override;
  const char* name() const override { return "front"; }
  std::set<std::string> message_types() const override;

private:
  // One for each of `engine_requests`.
  void serve(std::type_identity<transaction>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<client_id_request>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<query>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<page_query>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<page_cursor>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<health_request>, caf::mailbox_element_ptr message, caf::execution_unit* host);
  void serve(std::type_identity<health_subscription>, caf::mailbox_element_ptr message, caf::execution_unit* host);

  void ask_monitor(caf::mailbox_element_ptr message, caf::execution_unit* host);
  template <class Admitted, class Request>
  void ask_page(caf::mailbox_element_ptr message, std::optional<std::size_t> preferred);
  void read(waiting_request request);

  front_options settings_;
};

engine_actor spawn_front(caf::actor_system& system, front_options settings);

} // namespace millrace
