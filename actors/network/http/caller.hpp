#pragma once

#include <millrace/actors/network/connection/unsent.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include <caf/actor_config.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/message.hpp>
#include <caf/monitorable_actor.hpp>

namespace millrace::network::http {

/// A program at the other end of one connection, as those know it who serve it: an actor without a mailbox, whose
/// requests count as one asker's, and which ends with its connection, so that nothing more is done for it.
class caller : public caf::monitorable_actor {
public:
  /// Takes the answer to the request of this place among those that were asked at once. Called in the thread of whoever
  /// answers.
  using taker = std::function<void(std::size_t, caf::message)>;

  caller(caf::actor_config& config, std::shared_ptr<unsent> room);

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override;
  const char* name() const override { return "http caller"; }

  /// Sends requests; each is answered once, as long as nothing else is asked. What is still to come of those before is
  /// thrown away. One thread at a time.
  void ask(const caf::strong_actor_ptr& whom, std::vector<caf::message> requests, taker take);
  /// Answers are thrown away from here on, and who works for it may stop. Any thread.
  void leave();

  unsent& room() noexcept { return *room_; }

private:
  std::shared_ptr<unsent> room_;
  std::mutex mutex_;        ///< Guards all below.
  std::uint64_t last_ = 0;  ///< Number of the last request.
  std::uint64_t first_ = 1; ///< Of those that are not thrown away.
  std::shared_ptr<taker> take_;
};

/// One for each connection. `leave` must be called.
caf::strong_actor_ptr spawn_caller(caf::actor_system& system, std::shared_ptr<connection_book> book);
caller& caller_in(const caf::strong_actor_ptr& made_by_spawn);

} // namespace millrace::network::http
