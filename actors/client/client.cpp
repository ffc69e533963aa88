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

} // namespace

class client::impl {
public:
  impl(caf::actor_system& system, engine_actor front, std::chrono::milliseconds patience)
    : system_(system),
      self_(std::in_place, system),
      front_(std::move(front)),
      patience_(patience),
      last_name_{new_client_id(), 0} {}

  tl::expected<outcome, failure> execute(transaction work);
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

  caf::actor_system& system_; ///< Not owned; outlives the client.
  std::optional<caf::scoped_actor> self_;
  engine_actor front_;
  std::chrono::milliseconds patience_;
  transaction_name last_name_;
  backoff delays_{{}};
  tenant tenant_{system_, "a client", [this] { self_.reset(); }};
};

tl::expected<outcome, failure> client::impl::execute(transaction work) {
  const auto named_here = work.name == transaction_name{};
  if (named_here) {
    ++last_name_.number;
    work.name = last_name_;
  }
  resend life{resend::clock::now(), patience_};
  auto answer = insist<outcome>(life, work);
  if (named_here && !answer && life.may_rename(answer.error())) {
    last_name_ = {new_client_id(), 1};
    work.name = last_name_;
    answer = insist<outcome>(life, work);
  }
  return answer;
}

tl::expected<row_set, failure> client::impl::query(const millrace::query& question) {
  resend life{resend::clock::now(), patience_};
  return insist<row_set>(life, question);
}

tl::expected<health_report, failure> client::impl::health() {
  return ask<health_report>(patience_, health_request{}).map_error(without_doubt);
}

template <class Request>
tl::expected<row_page, failure> client::impl::page(const Request& request) {
  resend life{resend::clock::now(), patience_};
  return insist<row_page>(life, request);
}

/// Sends until there is an answer for good or the patience is over. `life` then tells whether an attempt before the
/// last one may have had an effect.
template <class Answer, class Request>
tl::expected<Answer, failure> client::impl::insist(resend& life, const Request& request) {
  constexpr auto only_reads = !std::is_same_v<Request, transaction>;
  delays_.reset();
  for (;;) {
    const auto now = resend::clock::now();
    auto attempt = request;
    auto& deadline = deadline_of(attempt);
    deadline = life.deadline_left(deadline, now);
    const auto may_take = only_reads ? deadline : std::chrono::milliseconds{0};
    auto answer = ask<Answer>(life.attempt_time(now, may_take), std::move(attempt));
    if (answer) {
      return answer;
    }
    auto why = only_reads ? without_doubt(std::move(answer).error()) : std::move(answer).error();
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
