#include "sweeper.hpp"

#include "node.hpp"

#include <algorithm>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::network {

namespace {

class sweeper_state {
public:
  static inline const char* name = "sweeper";
  explicit sweeper_state(caf::event_based_actor* self) : self_(self) {}

  caf::behavior make_behavior(std::shared_ptr<connection_book> book, std::chrono::milliseconds interval) {
    book_ = std::move(book);
    broker_ = broker_of(self_->system());
    interval_ = interval;
    wait();
    return {[this](caf::tick_atom) { sweep(); }};
  }

private:
  void wait() { self_->delayed_send(self_, interval_, caf::tick_atom_v); }

  void sweep() {
    loop_of(self_->system()).post([book = book_, broker = broker_] {
      book->sweep(std::chrono::steady_clock::now());
      drop_unsent(broker);
    });
    wait();
  }

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  std::shared_ptr<connection_book> book_;
  caf::actor broker_;
  std::chrono::milliseconds interval_{};
};

} // namespace

std::chrono::milliseconds sweep_interval(const connection_limits& limits) {
  auto shortest = std::min(limits.handshake_timeout, limits.unread_timeout);
  if (limits.idle_timeout.count() > 0) {
    shortest = std::min(shortest, limits.idle_timeout);
  }
  return std::clamp(shortest / 4, std::chrono::milliseconds{10}, std::chrono::milliseconds{1000});
}

caf::actor spawn_sweeper(caf::actor_system& system, std::shared_ptr<connection_book> book,
                         std::chrono::milliseconds interval) {
  return system.spawn<caf::hidden>(
    [](caf::stateful_actor<sweeper_state>* self, std::shared_ptr<connection_book> of, std::chrono::milliseconds every) {
      return self->state.make_behavior(std::move(of), every);
    },
    std::move(book), interval);
}

} // namespace millrace::network
