#include "forward.hpp"

#include <millrace/actors/base/answer.hpp>

#include <string>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>

namespace millrace {

namespace {

/// Stands for whoever asked, while the request goes before others: a request's number holds its priority, and an answer
/// to a number with another priority would find nobody.
class urgent_asker : public caf::monitorable_actor {
public:
  urgent_asker(caf::actor_config& config, caf::strong_actor_ptr asker, caf::message_id asked)
    : caf::monitorable_actor(config), asker_(std::move(asker)), asked_(asked) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override {
    if (message->mid.is_response()) {
      asker_->enqueue(std::move(message->sender), asked_.response_id(), message->move_content_to_message(), host);
    }
  }
  const char* name() const override { return "urgent_asker"; }

private:
  caf::strong_actor_ptr asker_;
  caf::message_id asked_;
};

} // namespace

void make_urgent(caf::actor_system& system, caf::mailbox_element& message) {
  if (message.sender && message.mid.is_request() && !message.mid.is_urgent_message()) {
    caf::actor_config config;
    message.sender = caf::make_actor<urgent_asker, caf::strong_actor_ptr>(
      system.next_actor_id(), system.node(), &system, config, std::move(message.sender), message.mid);
  }
  message.mid = message.mid.with_high_priority();
}

void refuse(const caf::mailbox_element& request, failure why) {
  answer(request, to_error(std::move(why)));
}

void refuse_absent(const caf::mailbox_element& request, const address_book& board, const char* who) {
  refuse(request, board.closed() ? failure{errc::shutting_down, ""}
                                 : failure{errc::unavailable, std::string{who} + " is being restarted"});
}

void refuse_undelivered(const caf::mailbox_element& request, const address_book& board,
                        const address_book::delivery& tried, const char* who, const char* what) {
  if (tried.full == nullptr) {
    return refuse_absent(request, board, who);
  }
  const auto retry_after = tried.full->retry_after();
  refuse(request, {errc::overloaded,
                   std::to_string(tried.full->requests()) + " " + what + " with " + std::to_string(tried.full->bytes())
                     + " bytes wait already; try again in " + std::to_string(retry_after.count()) + " ms",
                   retry_after});
}

} // namespace millrace
