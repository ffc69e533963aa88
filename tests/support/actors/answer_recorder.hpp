#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/message.hpp>
#include <caf/monitorable_actor.hpp>

namespace millrace::test {

using reply_content = std::variant<outcome, row_set, row_page, quarantine_listing, quarantine_reasons, failure>;

/// One request and all that came in answer to it. Sendings and answers of one recorder are numbered in one order.
struct exchange {
  struct reply {
    std::uint64_t at = 0;
    reply_content content;
  };
  std::uint64_t sent_at = 0;
  std::vector<reply> replies; ///< Exactly one, once it is over.
};

/// A client that records every answer, the second one to a request too, which CAF's own actors drop without a word. It
/// has no thread: answers are recorded in the thread of whoever gives them. Any thread.
class answer_recorder {
public:
  explicit answer_recorder(caf::actor_system& system);

  /// Sends a request in the caller's thread; its number counts from 0.
  template <class Handle, class Request>
  std::size_t send(const Handle& to, Request request) {
    const auto number = pages_->begin();
    send(caf::actor_cast<caf::strong_actor_ptr>(to), number, caf::make_message(std::move(request)));
    return number;
  }

  /// Waits until each request has an answer; false where that takes longer.
  bool wait_for_all(std::chrono::milliseconds patience) const;
  bool wait_for(std::size_t number, std::chrono::milliseconds patience) const;

  exchange look(std::size_t number) const;
  std::vector<exchange> all() const;
  /// Messages that answer nothing.
  std::size_t strays() const;

private:
  class ledger {
  public:
    std::size_t begin();
    void note(caf::message_id id, const caf::message& content);

    mutable std::mutex mutex; ///< Guards all below.
    mutable std::condition_variable changed;
    std::vector<exchange> exchanges;
    std::uint64_t events = 0;
    std::size_t unanswered = 0;
    std::size_t strays = 0;
  };
  class recording_actor;

  void send(const caf::strong_actor_ptr& to, std::size_t number, caf::message request);

  std::shared_ptr<ledger> pages_ = std::make_shared<ledger>();
  caf::strong_actor_ptr self_;
};

/// The code of an answer; `none` where it is no failure.
errc code_of(const reply_content& answer);

} // namespace millrace::test
