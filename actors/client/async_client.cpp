#include "async_client.hpp"

#include <millrace/actors/base/tenant.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/make_message.hpp>
#include <caf/message_id.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/send.hpp>

namespace millrace {

namespace {

/// Asks the courier for threads that are no actors. It has no mailbox: an answer fulfils its promise in the thread that
/// brings it.
class desk : public caf::monitorable_actor {
public:
  desk(caf::actor_config& config, std::size_t unanswered_max)
    : caf::monitorable_actor(config), unanswered_max_(std::max<std::size_t>(1, unanswered_max)) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override;
  const char* name() const override { return "desk"; }

  template <class Answer, class Request>
  std::future<expected<Answer>> ask(const courier_actor& courier, Request request);

private:
  using promise = std::variant<std::promise<expected<outcome>>, std::promise<expected<row_set>>>;

  std::uint64_t enter(promise one);
  std::optional<promise> leave(std::uint64_t number);

  const std::size_t unanswered_max_;
  std::mutex mutex_; ///< Guards the two below.
  std::unordered_map<std::uint64_t, promise> unanswered_;
  std::uint64_t last_number_ = 0;
  std::condition_variable answered_;
};

template <class Answer, class Request>
std::future<expected<Answer>> desk::ask(const courier_actor& courier, Request request) {
  std::promise<expected<Answer>> made;
  auto answer = made.get_future();
  const auto number = enter(std::move(made));
  const auto id = caf::message_id{number}.with_normal_priority();
  caf::actor_cast<caf::strong_actor_ptr>(courier)->enqueue(caf::actor_cast<caf::strong_actor_ptr>(this), id,
                                                           caf::make_message(std::move(request)), nullptr);
  return answer;
}

std::uint64_t desk::enter(promise one) {
  std::unique_lock lock{mutex_};
  answered_.wait(lock, [this] { return unanswered_.size() < unanswered_max_; });
  unanswered_.emplace(++last_number_, std::move(one));
  return last_number_;
}

std::optional<desk::promise> desk::leave(std::uint64_t number) {
  const std::lock_guard lock{mutex_};
  auto found = unanswered_.extract(number);
  answered_.notify_one();
  return found ? std::optional{std::move(found.mapped())} : std::nullopt;
}

void desk::enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) {
  auto waiting = message->mid.is_response() ? leave(message->mid.request_id().integer_value()) : std::nullopt;
  if (!waiting) {
    return;
  }
  auto& content = message->content();
  std::visit(
    [&content]<class Answer>(std::promise<expected<Answer>>& one) {
      if (content.match_elements<Answer>()) {
        one.set_value(std::move(content.get_mutable_as<Answer>(0)));
      } else if (content.match_elements<caf::error>()) {
        one.set_value(tl::unexpected{failure_of(content.get_as<caf::error>(0))});
      } else {
        one.set_value(tl::unexpected{failure{errc::malformed, "the answer is none to this request"}});
      }
    },
    *waiting);
}

} // namespace

class async_client::impl {
public:
  impl(caf::actor_system& system, engine_actor front, courier_options settings)
    : courier_(spawn_courier(system, std::move(front), settings)),
      tenant_(system, "an async_client", [this] { end(); }) {
    caf::actor_config config;
    desk_ = caf::make_actor<desk, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config,
                                                         settings.unanswered_max);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { end(); }

  template <class Answer, class Request>
  std::future<expected<Answer>> ask(Request request) {
    if (!courier_) {
      std::promise<expected<Answer>> made;
      made.set_value(tl::unexpected{failure{errc::shutting_down, "the client's actor system has ended"}});
      return made.get_future();
    }
    return static_cast<desk*>(caf::actor_cast<caf::abstract_actor*>(desk_))->ask<Answer>(courier_, std::move(request));
  }

private:
  void end() {
    if (courier_) {
      caf::anon_send_exit(std::exchange(courier_, nullptr), caf::exit_reason::user_shutdown);
    }
  }

  courier_actor courier_;
  caf::strong_actor_ptr desk_;
  tenant tenant_;
};

async_client::async_client(caf::actor_system& system, engine_actor front, courier_options settings)
  : impl_(std::make_unique<impl>(system, std::move(front), settings)) {}
async_client::async_client(async_client&&) noexcept = default;
async_client& async_client::operator=(async_client&&) noexcept = default;
async_client::~async_client() = default;

std::future<expected<outcome>> async_client::execute(transaction work) {
  return impl_->ask<outcome>(std::move(work));
}

std::future<expected<row_set>> async_client::query(millrace::query question) {
  return impl_->ask<row_set>(std::move(question));
}

} // namespace millrace
