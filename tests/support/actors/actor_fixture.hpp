#pragma once

#include <millrace/actors/base/sample.hpp>
#include <millrace/actors/front/address_book.hpp>
#include <millrace/actors/front/admitted.hpp>
#include <millrace/actors/write/protocol.hpp>
#include <millrace/messages/wire/interfaces.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

namespace millrace::test {

struct virtual_time_config : system_config {
  virtual_time_config() { set("scheduler.policy", caf::atom("testing")); }
};

/// What became of one request.
template <class Answer>
struct reply {
  int count = 0; ///< Answers of any kind; never more than one.
  std::optional<Answer> value;
  failure error;

  errc code() const { return error.code; }
};

/// One actor at a time on virtual time, between fakes.
struct actor_fixture {
  temporary_folder folder;
  virtual_time_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::shared_ptr<admission> room = std::make_shared<admission>(1'000, 1'000'000);
  std::shared_ptr<address_book> board = std::make_shared<address_book>(2, room, query_bound{100, 1'000'000});
  std::vector<caf::actor> spawned; ///< All that must end before the system does.

  ~actor_fixture() { end_all(); }

  /// For fixtures that hold what their actors use.
  void end_all() {
    // In reverse: who asks ends before who answers.
    std::for_each(spawned.rbegin(), spawned.rend(), [](const caf::actor& one) { end(one); });
    spawned.clear();
    scheduler.run();
  }

  static void end(const caf::actor& one) { caf::anon_send_exit(one, caf::exit_reason::kill); }

  template <class Handle>
  Handle track(Handle one) {
    spawned.push_back(caf::actor_cast<caf::actor>(one));
    return one;
  }

  /// Lets a reader seem to have been sent so much more to answer.
  void keep_busy(std::size_t reader, int requests) {
    for (int i = 0; i < requests; ++i) {
      board->slot(reader)->room.take_anyway(0);
    }
  }

  /// Ends an actor, runs what follows from that.
  template <class Handle>
  void kill(const Handle& one) {
    end(caf::actor_cast<caf::actor>(one));
    scheduler.run();
  }

  /// Sends a request from an actor of its own. Nothing is delivered before `scheduler.run()`.
  template <class Answer, class Handle, class Content>
  std::shared_ptr<reply<Answer>> ask(const Handle& to, Content content) {
    auto result = std::make_shared<reply<Answer>>();
    track(system.spawn([to, result, content = std::move(content)](caf::event_based_actor* self) mutable {
      self->request(to, caf::infinite, std::move(content))
        .then(
          [result](Answer& answer) {
            ++result->count;
            result->value = std::move(answer);
          },
          [result](caf::error& problem) {
            ++result->count;
            result->error = failure_of(problem);
          });
    }));
    return result;
  }

  /// Lets virtual time pass in steps, so that delays set off by delays pass too.
  void pass(caf::timespan time) {
    const caf::timespan step = std::chrono::milliseconds{1};
    for (caf::timespan gone{0}; gone < time; gone += step) {
      scheduler.advance_time(step);
      scheduler.run();
    }
  }
};

/// A request as the front hands it on.
inline admitted_transaction admitted(transaction work, monotonic_time deadline = monotonic_time::max()) {
  const auto bytes = payload_bytes(work);
  return {std::move(work), bytes, deadline};
}

inline admitted_query admitted(query question, monotonic_time deadline = monotonic_time::max()) {
  const auto bytes = payload_bytes(question.statement);
  return {std::move(question), bytes, std::chrono::steady_clock::now(), deadline};
}

inline transaction durable(transaction work) {
  work.acknowledgement = ack::durable;
  return work;
}

} // namespace millrace::test
