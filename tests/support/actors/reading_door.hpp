#pragma once

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/front/address_book.hpp>
#include <millrace/actors/front/admitted.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>

namespace millrace::test {

/// Stands where the front does: requests for rows that are sent to it wait for a reader.
class reading_door : public caf::monitorable_actor {
public:
  reading_door(caf::actor_config& config, std::shared_ptr<address_book> board)
    : caf::monitorable_actor(config), board_(std::move(board)) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override {
    const auto let_in = [&]<class Request>(std::type_identity<Request>) {
      if (!message || !message->content().match_elements<Request>()) {
        return;
      }
      const auto& asked = message->content().get_as<Request>(0);
      std::optional<std::size_t> reader;
      if constexpr (std::is_same_v<Request, admitted_page_cursor>) {
        reader = asked.position.reader;
      }
      waiting_request request{nullptr, asked.bytes, std::chrono::steady_clock::now(), asked.deadline, reader};
      request.message = std::move(message);
      BOOST_REQUIRE(board_->pass_on(request));
    };
    let_in(std::type_identity<admitted_query>{});
    let_in(std::type_identity<admitted_page_query>{});
    let_in(std::type_identity<admitted_page_cursor>{});
  }
  const char* name() const override { return "reading_door"; }

private:
  std::shared_ptr<address_book> board_;
};

inline caf::actor spawn_reading_door(caf::actor_system& system, std::shared_ptr<address_book> board) {
  caf::actor_config config;
  return caf::actor_cast<caf::actor>(caf::make_actor<reading_door, caf::strong_actor_ptr>(
    system.next_actor_id(), system.node(), &system, config, std::move(board)));
}

/// What a fake reader does when it is woken: hands on all that waits for it, and has then answered it.
template <class Answer>
void take_all(address_book& board, std::size_t reader, Answer answer_to) {
  auto& waiting = *board.waiting_requests();
  const auto next = [&] { return waiting.next(reader, true, 1, std::chrono::steady_clock::now()); };
  for (auto given = next(); !given.empty(); given = next()) {
    answer_to(*given.front().message);
  }
}

} // namespace millrace::test
