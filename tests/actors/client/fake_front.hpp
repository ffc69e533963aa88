#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/response_promise.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <tl/expected.hpp>

namespace millrace::test {

/// A front that does with each request what the test says: answers it, refuses it, or keeps it without an answer.
class fake_front {
public:
  /// Nothing means that the request is kept.
  using verdict = std::optional<tl::expected<outcome, failure>>;

  /// What becomes of the transaction that arrives as the given one, from 1.
  std::function<verdict(const transaction&, std::size_t)> on_transaction = [](const transaction& work, std::size_t) {
    return outcome{.seq = work.name.number, .results = {}};
  };
  /// The same for queries; what they are answered with is always empty.
  std::function<verdict(const query&, std::size_t)> on_query = [](const query&, std::size_t) { return outcome{}; };

  /// The same for first pages; after each comes another one.
  std::function<verdict(const page_query&, std::size_t)> on_page = [](const page_query&, std::size_t) {
    return outcome{};
  };

  /// The same for ids; a good answer is an id that was issued at the given one.
  std::function<verdict(std::size_t)> on_id = [](std::size_t) { return outcome{}; };

  engine_actor spawn(caf::actor_system& system) {
    actor_ = system.spawn([this](caf::event_based_actor* self) -> caf::behavior {
      return {[this, self](client_id_request) {
                const std::lock_guard lock{mutex_};
                const auto nth = ++ids_asked_;
                return decide(self->make_response_promise(), on_id(nth), client_id{new_client_id(nth)});
              },
              [this, self](const transaction& work) {
                const std::lock_guard lock{mutex_};
                transactions_.push_back(work);
                return decide(self->make_response_promise(), on_transaction(work, transactions_.size()), outcome{});
              },
              [this, self](const query& question) {
                const std::lock_guard lock{mutex_};
                queries_.push_back(question);
                return decide(self->make_response_promise(), on_query(question, queries_.size()), row_set{});
              },
              [this, self](const page_query& asked) {
                const std::lock_guard lock{mutex_};
                const row_page page{.rows = {}, .next = page_cursor{.question = asked.question}};
                return decide(self->make_response_promise(), on_page(asked, ++pages_asked_), page);
              },
              [this](const outcome& done) {
                for (auto& promise : std::exchange(kept_, {})) {
                  promise.deliver(done);
                }
              }};
    });
    return caf::actor_cast<engine_actor>(actor_);
  }

  /// Everything that arrived, in this order.
  std::vector<transaction> transactions() const {
    const std::lock_guard lock{mutex_};
    return transactions_;
  }
  std::vector<query> queries() const {
    const std::lock_guard lock{mutex_};
    return queries_;
  }
  std::size_t ids_asked() const {
    const std::lock_guard lock{mutex_};
    return ids_asked_;
  }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> result;
    for (const auto& work : transactions()) {
      result.push_back(work.name.number);
    }
    return result;
  }

  /// Returns once its actor has ended, which calls nothing here any more. Before this is destroyed, where an answer may
  /// come before its request is over here.
  void end(caf::actor_system& system) const {
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
    caf::scoped_actor {
      system
      } -> wait_for(actor_);
  }

  /// Answers what was kept before any request that is sent from now on, oldest first.
  void answer_kept(const outcome& done) { caf::anon_send(actor_, done); }

private:
  template <class Answer>
  caf::response_promise decide(caf::response_promise promise, verdict given, Answer good) {
    if (!given) {
      kept_.push_back(promise);
    } else if (!*given) {
      promise.deliver(to_error(given->error()));
    } else if constexpr (std::is_same_v<Answer, outcome>) {
      promise.deliver(**given);
    } else {
      promise.deliver(std::move(good));
    }
    return promise;
  }

  caf::actor actor_;
  mutable std::mutex mutex_; ///< Guards all below.
  std::size_t ids_asked_ = 0;
  std::size_t pages_asked_ = 0;
  std::vector<transaction> transactions_;
  std::vector<query> queries_;
  std::vector<caf::response_promise> kept_;
};

inline tl::unexpected<failure> refused(errc code, std::chrono::milliseconds retry_after = {}) {
  return tl::unexpected{failure{code, "injected", retry_after}};
}

} // namespace millrace::test
