#include "guests.hpp"
#include "hostile_requests.hpp"

#include <millrace/actors/base/atoms.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/process/give_up.hpp>
#include <millrace/tests/support/process/program.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>

#include <unistd.h>

namespace millrace::test::guests {

namespace {

constexpr int at_once = 8;
constexpr std::chrono::minutes patience{5};
constexpr std::chrono::milliseconds pause{20};

struct small_config : system_config {
  small_config() {
    load<caf::io::middleman>();
    set("scheduler.max-threads", 1);
  }
};

class hostile_state {
public:
  explicit hostile_state(caf::event_based_actor* self) : self_(self) {}

  caf::behavior make_behavior(const network::remote_engine& engine, hostile_requests requests) {
    engine_ = engine.front();
    operations_ = engine.operations();
    requests_.emplace(std::move(requests));
    for (int i = 0; i < at_once; ++i) {
      send();
    }
    return {[this](atom::tick) { send(); }};
  }

private:
  void send() {
    std::visit(
      [this]<class Request>(Request request) {
        if constexpr (std::is_same_v<Request, quarantine_list>) {
          ask<quarantine_listing>(operations_, std::move(request));
        } else if constexpr (std::is_same_v<Request, transaction>) {
          ask<outcome>(engine_, std::move(request));
        } else if constexpr (std::is_same_v<Request, page_query>) {
          ask<row_page>(engine_, std::move(request));
        } else {
          ask<row_set>(engine_, std::move(request));
        }
      },
      requests_->next());
  }

  /// Refusals come fast: it shall not be the asking that takes the machine.
  template <class Answer, class Server, class Request>
  void ask(const Server& server, Request request) {
    self_->request(server, patience, std::move(request))
      .then([this](const Answer&) { again(); }, [this](const caf::error&) { again(); });
  }

  void again() { self_->delayed_send(self_, pause, atom::tick::value); }

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  engine_actor engine_;
  operations_actor operations_;
  std::optional<hostile_requests> requests_;
};

caf::behavior hostile_guest(caf::stateful_actor<hostile_state>* self, const network::remote_engine& engine,
                            const hostile_requests& requests) {
  return self->state.make_behavior(engine, requests);
}

int play_hostile(const std::vector<std::string>& arguments) {
  small_config config;
  caf::actor_system system{config};
  auto made = network::connect(system, {.url = arguments.at(0)});
  if (!made) {
    give_up(made.error());
  }
  using rights = hostile_requests::rights;
  const auto& may = arguments.at(2);
  system.spawn(hostile_guest, std::cref(*made),
               hostile_requests{may == "read"    ? rights::read
                                : may == "write" ? rights::write
                                                 : rights::operate,
                                std::stoull(arguments.at(1))});
  for (;;) {
    ::pause();
  }
}

const role hostile{hostile_role, play_hostile};

} // namespace
} // namespace millrace::test::guests
