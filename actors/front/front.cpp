#include "front.hpp"

#include "forward.hpp"

#include <millrace/actors/base/answer.hpp>

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/make_actor.hpp>
#include <caf/make_message.hpp>

namespace millrace {

namespace {

template <class T>
T take_content(caf::mailbox_element& message) {
  auto& content = message.content();
  return content.shared() ? content.get_as<T>(0) : std::move(content.get_mutable_as<T>(0));
}

/// One that is not in the future has passed: a caller that hands on what is left of its own time means that.
monotonic_time deadline_from(monotonic_time now, std::chrono::milliseconds allowed) {
  constexpr std::chrono::hours longest{24 * 365};
  if (allowed.count() <= 0) {
    return monotonic_time::min();
  }
  return allowed > longest ? monotonic_time::max() : now + allowed;
}

void refuse_broken(const caf::mailbox_element& request, const breaker& open, const char* what) {
  const auto retry_after = open.retry_after(std::chrono::steady_clock::now());
  refuse(request, {errc::breaker_open,
                   std::string{"the circuit breaker for "} + what + " is open; try again in "
                     + std::to_string(retry_after.count()) + " ms",
                   retry_after});
}

/// False where the fallback gave nothing.
template <class Fallback, class Request>
bool answer_from(const Fallback& fallback, const caf::mailbox_element& message, const Request& request) {
  if (!fallback) {
    return false;
  }
  try {
    auto given = fallback(request);
    if (given) {
      answer(message,
             *given ? caf::make_message(std::move(**given)) : caf::make_message(to_error(std::move(*given).error())));
    }
    return given.has_value();
  } catch (...) {
    // It runs in the thread of the sender, who has nothing to do with it.
    return false;
  }
}

} // namespace

front::front(caf::actor_config& config, front_options settings)
  : caf::monitorable_actor(config), settings_(std::move(settings)) {}

std::set<std::string> front::message_types() const {
  return home_system().message_types<engine_actor>();
}

/// Lets a request for a page wait for a reader, the preferred one if that is up.
template <class Admitted, class Request>
void front::ask_page(caf::mailbox_element_ptr message, std::optional<std::size_t> preferred) {
  if (auto problem = check(message->content().get_as<Request>(0))) {
    return refuse(*message, std::move(*problem));
  }
  if (settings_.queries && !settings_.queries->admits()) {
    return refuse_broken(*message, *settings_.queries, "queries");
  }
  auto request = take_content<Request>(*message);
  const auto now = std::chrono::steady_clock::now();
  const auto deadline = deadline_from(now, request.question.deadline);
  const auto bytes = payload_bytes(request.question.statement);
  auto forwarded = readdress(*message, Admitted{std::move(request), bytes, deadline});
  read({std::move(forwarded), bytes, now, deadline, preferred});
}

void front::read(waiting_request request) {
  auto& board = *settings_.board;
  if (const auto tried = board.admit_reading(request); !tried.done) {
    refuse_undelivered(*request.message, board, tried, "every reader", "queries");
  }
}

void front::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto known = wire::visit_request(engine_requests{}, message->content(), [&]<class Row>(Row) {
    serve(std::type_identity<typename Row::request>{}, std::move(message), host);
  });
  if (!known) {
    answer_unexpected(*message);
  }
}

void front::serve(std::type_identity<page_query>, caf::mailbox_element_ptr message, caf::execution_unit*) {
  ask_page<admitted_page_query, page_query>(std::move(message), std::nullopt);
}

void front::serve(std::type_identity<page_cursor>, caf::mailbox_element_ptr message, caf::execution_unit*) {
  const auto reader = message->content().get_as<page_cursor>(0).reader;
  ask_page<admitted_page_cursor, page_cursor>(std::move(message), reader);
}

void front::serve(std::type_identity<health_request>, caf::mailbox_element_ptr message, caf::execution_unit* host) {
  ask_monitor(std::move(message), host);
}

void front::serve(std::type_identity<health_subscription>, caf::mailbox_element_ptr message,
                  caf::execution_unit* host) {
  ask_monitor(std::move(message), host);
}

void front::ask_monitor(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  if (!settings_.board->to_monitor(message, host)) {
    refuse_absent(*message, *settings_.board, "the health monitor");
  }
}

void front::serve(std::type_identity<transaction>, caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto& work = message->content().get_as<transaction>(0);
  if (auto problem = check(work)) {
    return refuse(*message, std::move(*problem));
  }
  // What need only be durable may wait in the queue until the writer is well.
  if (work.acknowledgement == ack::applied && settings_.transactions && !settings_.transactions->admits()) {
    if (!answer_from(settings_.transaction_fallback, *message, work)) {
      refuse_broken(*message, *settings_.transactions, "transactions");
    }
    return;
  }
  const auto bytes = payload_bytes(work);
  const auto urgency = work.priority;
  const auto deadline = work.deadline.count() == 0 ? monotonic_time::max()
                                                   : deadline_from(std::chrono::steady_clock::now(), work.deadline);
  auto forwarded = readdress(*message, admitted_transaction{take_content<transaction>(*message), bytes, deadline});
  if (urgency == priority::operations) {
    make_urgent(home_system(), *forwarded);
  }
  const auto tried = settings_.board->admit(bytes, urgency, forwarded, host);
  if (!tried.done) {
    refuse_undelivered(*forwarded, *settings_.board, tried, "the write-ahead queue", "transactions");
  }
}

/// Here at once: nothing of the client can have a `seq` up to what is durable before it has its id.
void front::serve(std::type_identity<client_id_request>, caf::mailbox_element_ptr message, caf::execution_unit*) {
  const auto& board = *settings_.board;
  if (board.closed()) {
    return refuse_absent(*message, board, "the write-ahead queue");
  }
  answer(*message, caf::make_message(client_id{new_client_id(board.durable_seq()->load())}));
}

void front::serve(std::type_identity<query>, caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto& asked = message->content().get_as<query>(0);
  if (auto problem = check(asked)) {
    return refuse(*message, std::move(*problem));
  }
  if (settings_.queries && !settings_.queries->admits()) {
    if (!answer_from(settings_.query_fallback, *message, asked)) {
      refuse_broken(*message, *settings_.queries, "queries");
    }
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  auto question = take_content<query>(*message);
  const auto deadline = deadline_from(now, question.deadline);
  const auto direct = question.consistency == consistency::any;
  const auto bytes = payload_bytes(question.statement);
  admitted_query admitted{std::move(question), bytes, now, deadline};
  if (direct) {
    return read({readdress(*message, std::move(admitted)), bytes, now, deadline});
  }
  auto& board = *settings_.board;
  auto forwarded = readdress(*message, waiting_query{std::move(admitted)});
  if (const auto tried = board.admit_waiting(bytes, forwarded, host); !tried.done) {
    refuse_undelivered(*forwarded, board, tried, "the write-ahead queue", "queries");
  }
}

engine_actor spawn_front(caf::actor_system& system, front_options settings) {
  caf::actor_config config;
  return caf::actor_cast<engine_actor>(caf::make_actor<front, caf::strong_actor_ptr>(
    system.next_actor_id(), system.node(), &system, config, std::move(settings)));
}

} // namespace millrace
