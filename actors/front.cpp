#include "front.hpp"

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/make_actor.hpp>
#include <caf/make_message.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

namespace millrace {

namespace {

template <class T>
T take_content(caf::mailbox_element& message) {
  auto& content = message.content();
  return content.shared() ? content.get_as<T>(0) : std::move(content.get_mutable_as<T>(0));
}

/// Replaces what a mailbox element holds; sender and request number stay, so the answer finds its way.
template <class T>
caf::mailbox_element_ptr readdress(caf::mailbox_element& message, T content) {
  return caf::make_mailbox_element(std::move(message.sender), message.mid, std::move(message.stages),
                                   std::move(content));
}

/// One that is not in the future has passed: a caller that hands on what is left of its own time means that.
monotonic_time deadline_from(monotonic_time now, std::chrono::milliseconds allowed) {
  constexpr std::chrono::hours longest{24 * 365};
  if (allowed.count() <= 0) {
    return monotonic_time::min();
  }
  return allowed > longest ? monotonic_time::max() : now + allowed;
}

} // namespace

front::front(caf::actor_config& config, std::shared_ptr<switchboard> board, std::shared_ptr<admission> room)
  : caf::monitorable_actor(config), board_(std::move(board)), room_(std::move(room)) {}

std::set<std::string> front::message_types() const {
  return home_system().message_types<engine_actor>();
}

void front::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  auto& content = message->content();
  if (content.match_elements<transaction>()) {
    accept(std::move(message), host);
  } else if (content.match_elements<query>()) {
    ask(std::move(message), host);
  } else if (content.match_elements<health_request>() || content.match_elements<health_subscription>()) {
    if (!board_->to_monitor(message, host)) {
      refuse_absent(message, "the health monitor");
    }
  } else {
    answer(message, caf::make_error(caf::sec::unexpected_message));
  }
}

void front::accept(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  const auto& work = message->content().get_as<transaction>(0);
  if (auto problem = check(work)) {
    return refuse(message, std::move(*problem));
  }
  const auto bytes = payload_bytes(work);
  const auto deadline = work.deadline.count() == 0 ? monotonic_time::max()
                                                   : deadline_from(std::chrono::steady_clock::now(), work.deadline);
  auto forwarded = readdress(*message, admitted_transaction{take_content<transaction>(*message), bytes, deadline});
  switch (board_->admit(bytes, forwarded, host)) {
    case switchboard::delivery::done:
      return;
    case switchboard::delivery::no_room:
      return refuse(forwarded,
                    {errc::overloaded, std::to_string(room_->transactions()) + " transactions with "
                                         + std::to_string(room_->bytes()) + " bytes wait already; try again in 50 ms"});
    case switchboard::delivery::absent:
      return refuse_absent(forwarded, "the write-ahead queue");
  }
}

void front::ask(caf::mailbox_element_ptr message, caf::execution_unit* host) {
  if (auto problem = check(message->content().get_as<query>(0))) {
    return refuse(message, std::move(*problem));
  }
  const auto now = std::chrono::steady_clock::now();
  auto question = take_content<query>(*message);
  const auto deadline = deadline_from(now, question.deadline);
  const auto direct = question.consistency == consistency::any;
  admitted_query admitted{std::move(question), now, deadline};
  auto forwarded = direct ? readdress(*message, std::move(admitted))
                          : readdress(*message, waiting_query{std::move(admitted)});
  if (!(direct ? board_->to_reader(forwarded, host) : board_->to_queue(forwarded, host))) {
    refuse_absent(forwarded, direct ? "every reader" : "the write-ahead queue");
  }
}

void front::refuse(caf::mailbox_element_ptr& message, failure why) {
  answer(message, to_error(std::move(why)));
}

/// CAF 0.17's own `bounce` says "receiver down" whatever it is told to say.
void front::answer(caf::mailbox_element_ptr& message, caf::error why) {
  const auto& asker = message->stages.empty() ? message->sender : message->stages.back();
  if (asker && message->mid.is_request()) {
    asker->enqueue(nullptr, message->mid.response_id(), caf::make_message(std::move(why)), nullptr);
  }
}

void front::refuse_absent(caf::mailbox_element_ptr& message, const char* who) {
  if (board_->closed()) {
    refuse(message, {errc::shutting_down, ""});
  } else {
    refuse(message, {errc::unavailable, std::string{who} + " is being restarted"});
  }
}

engine_actor spawn_front(caf::actor_system& system, std::shared_ptr<switchboard> board,
                         std::shared_ptr<admission> room) {
  caf::actor_config config;
  return caf::actor_cast<engine_actor>(caf::make_actor<front, caf::strong_actor_ptr>(
    system.next_actor_id(), system.node(), &system, config, std::move(board), std::move(room)));
}

} // namespace millrace
