#include "caller.hpp"

#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/message_id.hpp>

namespace millrace::network::http {

caller::caller(caf::actor_config& config, std::shared_ptr<unsent> room)
  : caf::monitorable_actor(config), room_(std::move(room)) {
  peer_rooms::enter({.actor = id()}, room_);
}

void caller::enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) {
  if (!message->mid.is_response()) {
    return;
  }
  const auto number = message->mid.request_id().integer_value();
  std::shared_ptr<taker> take;
  std::size_t place = 0;
  {
    const std::lock_guard lock{mutex_};
    if (number >= first_ && number <= last_) {
      take = take_;
      place = static_cast<std::size_t>(number - first_);
    }
  }
  if (take) {
    (*take)(place, message->move_content_to_message());
  }
}

void caller::ask(const caf::strong_actor_ptr& whom, std::vector<caf::message> requests, taker take) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock{mutex_};
    first_ = last_ + 1;
    number = first_;
    last_ += requests.size();
    take_ = std::make_shared<taker>(std::move(take));
  }
  const auto self = caf::actor_cast<caf::strong_actor_ptr>(this);
  for (auto& one : requests) {
    whom->enqueue(self, caf::message_id{number++}.with_normal_priority(), std::move(one), nullptr);
  }
}

void caller::leave() {
  {
    const std::lock_guard lock{mutex_};
    first_ = last_ + 1;
    take_.reset();
  }
  peer_rooms::leave({.actor = id()});
  cleanup(caf::exit_reason::user_shutdown, nullptr);
}

caf::strong_actor_ptr spawn_caller(caf::actor_system& system, std::shared_ptr<connection_book> book) {
  caf::actor_config config;
  return caf::make_actor<caller, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config,
                                                        std::make_shared<unsent>(std::move(book)));
}

caller& caller_in(const caf::strong_actor_ptr& made_by_spawn) {
  return *static_cast<caller*>(caf::actor_cast<caf::abstract_actor*>(made_by_spawn));
}

} // namespace millrace::network::http
