#include "client.hpp"

#include "resend.hpp"

#include <millrace/actors/base/backoff.hpp>
#include <millrace/actors/base/tenant.hpp>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include <caf/scoped_actor.hpp>

namespace millrace {

namespace {

std::chrono::milliseconds& deadline_of(transaction& work) noexcept {
  return work.deadline;
}

std::chrono::milliseconds& deadline_of(query& question) noexcept {
  return question.deadline;
}

/// Of a page.
template <class Request>
std::chrono::milliseconds& deadline_of(Request& request) noexcept {
  return request.question.deadline;
}

/// One call at a time: a second one would take the answers of the first.
class turn {
public:
  explicit turn(std::atomic<bool>& taken) : taken_(taken) {
    if (taken_.exchange(true)) {
      throw std::logic_error{
        "two threads use one client at once; give each a client of its own, or use an "
        "async_client, which serves them all"};
    }
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  ~turn() { taken_ = false; }

private:
  std::atomic<bool>& taken_;
};

/// What is said of a request that changes nothing where it is not known what became of it.
template <class Request>
constexpr errc code_without_doubt = std::is_same_v<Request, client_id_request> ? errc::unavailable
                                                                               : errc::reader_failed;

} // namespace

class client::impl {
public:
  impl(caf::actor_system& system, engine_actor front, std::chrono::milliseconds patience)
    : system_(system), self_(std::in_place, system), front_(std::move(front)), patience_(patience) {}

  tl::expected<outcome, failure> execute(transaction work);
  tl::expected<client_id, failure> issue_id();
  tl::expected<row_set, failure> query(const millrace::query& question);
  tl::expected<health_report, failure> health();
  template <class Request>
  tl::expected<row_page, failure> page(const Request& request);

  std::atomic<bool> busy{false}; ///< Whether a thread is in a call.

private:
  template <class Answer, class Request>
  tl::expected<Answer, failure> ask(std::chrono::milliseconds time_limit, Request request);
  template <class Answer, class Request>
  tl::expected<Answer, failure> insist(resend& life, const Request& request);
  tl::expected<outcome, failure> execute_named(resend& life, transaction& work);

  caf::actor_system& system_; ///< Not owned; outlives the client.
  std::optional<caf::scoped_actor> self_;
  engine_actor front_;
  std::chrono::milliseconds patience_;
  transaction_name last_name_; ///< Without a client until the engine has issued an id.
  backoff delays_{{}};
  tenant tenant_{system_, "a client", [this] { self_.reset(); }};
};

tl::expected<outcome, failure> client::impl::execute(transaction work) {
  resend life{resend::clock::now(), patience_};
  if (work.name != transaction_name{}) {
    return insist<outcome>(life, work);
  }
  auto answer = execute_named(life, work);
  if (!answer && life.may_rename(answer.error())) {
    last_name_ = {};
    answer = execute_named(life, work);
  }
  return answer;
}

/// Under the next name, for which the engine is asked for an id where there is none. Without one nothing is sent.
tl::expected<outcome, failure> client::impl::execute_named(resend& life, transaction& work) {
  if (last_name_.client == uuid{}) {
    const auto issued = insist<client_id>(life, client_id_request{});
    if (!issued) {
      return tl::unexpected{issued.error()};
    }
    last_name_.client = issued->id;
  }
  ++last_name_.number;
  work.name = last_name_;
  return insist<outcome>(life, work);
}

tl::expected<client_id, failure> client::impl::issue_id() {
  resend life{resend::clock::now(), patience_};
  return insist<client_id>(life, client_id_request{});
}

tl::expected<row_set, failure> client::impl::query(const millrace::query& question) {
  resend life{resend::clock::now(), patience_};
  return insist<row_set>(life, question);
}

tl::expected<health_report, failure> client::impl::health() {
  return ask<health_report>(patience_, health_request{}).map_error([](failure why) {
    return without_doubt(std::move(why));
  });
}

template <class Request>
tl::expected<row_page, failure> client::impl::page(const Request& request) {
  resend life{resend::clock::now(), patience_};
  auto page = insist<row_page>(life, request);
  if (page && page->next) {
    // An attempt after the first one had less time, which is no matter of the pages after it.
    deadline_of(*page->next) = request.question.deadline;
  }
  return page;
}

/// Sends until there is an answer for good or the patience is over. `life` then tells whether an attempt before the
/// last one may have had an effect.
template <class Answer, class Request>
tl::expected<Answer, failure> client::impl::insist(resend& life, const Request& request) {
  constexpr auto changes = std::is_same_v<Request, transaction>;
  delays_.reset();
  for (;;) {
    const auto now = resend::clock::now();
    auto attempt = request;
    auto may_take = std::chrono::milliseconds{0};
    if constexpr (!std::is_same_v<Request, client_id_request>) {
      auto& deadline = deadline_of(attempt);
      deadline = life.deadline_left(deadline, now);
      may_take = changes ? may_take : deadline;
    }
    auto answer = ask<Answer>(life.attempt_time(now, may_take), std::move(attempt));
    if (answer) {
      return answer;
    }
    auto why = changes ? std::move(answer).error()
                       : without_doubt(std::move(answer).error(), code_without_doubt<Request>);
    const auto pause = pause_before_resend(delays_, why);
    if (!worth_resending(why) || life.over(resend::clock::now() + pause)) {
      return tl::unexpected{life.last_word(std::move(why))};
    }
    life.failed(why);
    std::this_thread::sleep_for(pause);
  }
}

template <class Answer, class Request>
tl::expected<Answer, failure> client::impl::ask(std::chrono::milliseconds time_limit, Request request) {
  if (!self_) {
    return tl::unexpected{failure{errc::shutting_down, "the client's actor system has ended"}};
  }
  tl::expected<Answer, failure> result;
  auto timed_out = false;
  (*self_)
    ->request(front_, time_limit, std::move(request))
    .receive([&](Answer& answer) { result = std::move(answer); },
             [&](const caf::error& reason) {
               timed_out = reason == caf::sec::request_timeout;
               result = tl::unexpected<failure>{failure_of(reason)};
             });
  if (timed_out) {
    // An answer that comes late would stay in the mailbox for ever.
    self_.emplace(system_);
  }
  return result;
}

client::client(caf::actor_system& system, engine_actor front, std::chrono::milliseconds patience)
  : impl_(std::make_unique<impl>(system, std::move(front), patience)) {}
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

expected<outcome> client::execute(transaction work) {
  const turn mine{impl_->busy};
  return impl_->execute(std::move(work));
}

expected<client_id> client::issue_id() {
  const turn mine{impl_->busy};
  return impl_->issue_id();
}

expected<row_set> client::query(millrace::query question) {
  const turn mine{impl_->busy};
  return impl_->query(question);
}

expected<row_page> client::page(page_query first) {
  const turn mine{impl_->busy};
  return impl_->page(first);
}

expected<row_page> client::page(page_cursor next) {
  const turn mine{impl_->busy};
  return impl_->page(next);
}

expected<health_report> client::health() {
  const turn mine{impl_->busy};
  return impl_->health();
}

expected<row_set> client::whole(expected<row_set> rows) {
  if (rows && rows->truncated()) {
    return tl::unexpected{failure{errc::too_large, "the result has more than " + std::to_string(rows->size())
                                                     + " rows; read it with `pages`, or say in a `query` how many are "
                                                       "wanted"}};
  }
  return rows;
}

} // namespace millrace
