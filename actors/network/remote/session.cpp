#include "session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/response_promise.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace::network {

void subscriber_list::add(caf::strong_actor_ptr one) {
  const std::lock_guard lock{mutex_};
  if (one && std::ranges::find(subscribers_, one) == subscribers_.end()) {
    subscribers_.push_back(std::move(one));
  }
}

std::vector<caf::strong_actor_ptr> subscriber_list::all() const {
  const std::lock_guard lock{mutex_};
  return subscribers_;
}

std::optional<failure> obstacle(const wire::welcome& said, wire::role least, std::uint32_t since) {
  if (said.version < since) {
    return failure{errc::version_mismatch, "the server speaks wire version " + std::to_string(said.version)
                                             + ", and this takes " + std::to_string(since) + "; use a newer server"};
  }
  if (said.granted < least) {
    return failure{errc::wrong_role, "here it is \"" + std::string{wire::name(said.granted)} + "\", and this takes \""
                                       + std::string{wire::name(least)} + "\""};
  }
  return std::nullopt;
}

namespace {

/// What a request takes on its way, roughly.
template <class Request>
std::size_t bytes_of(const Request& request) {
  if constexpr (requires { payload_bytes(request); }) {
    return payload_bytes(request);
  } else if constexpr (requires { payload_bytes(request.statement); }) {
    return payload_bytes(request.statement);
  } else if constexpr (requires { payload_bytes(request.question.statement); }) {
    return payload_bytes(request.question.statement);
  } else {
    return 0;
  }
}

struct unanswered {
  caf::response_promise promise;
  std::size_t bytes = 0;
};

struct waiting {
  std::size_t bytes = 0;
  caf::response_promise promise;
  std::function<void()> send;
};

class session_state {
public:
  static inline const char* name = "session";
  explicit session_state(session_actor::pointer self) : self_(self) {}
  session_state(const session_state&) = delete;
  session_state& operator=(const session_state&) = delete;
  ~session_state() { give_up(); }

  session_actor::behavior_type make_behavior(session_options settings) {
    settings_ = std::move(settings);
    self_->set_down_handler([this](caf::down_msg&) { end(errc::unavailable, "the connection was lost"); });
    self_->monitor(settings_.server);
    greet();
    return behavior_of(wire::requests{});
  }

private:
  template <class... Rows>
  session_actor::behavior_type behavior_of(wire::table<Rows...>) {
    return {
      [this](typename Rows::request& asked) { return pass_on<Rows>(asked); }...,
      [this](const health_changed& event) { tell(event); },
      [this](const breaker_changed& event) { tell(event); },
      [this](caf::tick_atom) { ping(); },
    };
  }

  void greet() {
    self_->request(caf::actor_cast<caf::actor>(settings_.server), settings_.ping_interval, wire::hello{wire::spoken})
      .then([this](const wire::welcome& said) { begin(said); }, [this](const caf::error& why) { not_welcome(why); });
  }

  void begin(const wire::welcome& said) {
    if (!wire::common(wire::spoken, {said.version, said.version})) {
      const auto why = wire::mismatch({said.version, said.version}, wire::spoken);
      return leave(why.code, why.detail);
    }
    welcome_ = said;
    // A newer server may know roles above ours, which include them.
    welcome_.granted = std::min(said.granted, wire::role::operations);
    self_->send(settings_.link, welcome_);
    if (!settings_.subscribers->all().empty()) {
      subscribe_again();
    }
    wait();
  }

  void not_welcome(const caf::error& why) {
    if (why == caf::sec::request_timeout) {
      return leave(errc::unavailable, "the server does not answer");
    }
    const auto reason = failure_of(why);
    if (reason.code == errc::version_mismatch) {
      return leave(reason.code, reason.detail);
    }
    leave(errc::unavailable, "the server is no Millrace engine");
  }

  template <class Row>
  caf::typed_response_promise<typename Row::answer> pass_on(typename Row::request& request) {
    using answer_type = typename Row::answer;
    if constexpr (std::is_same_v<typename Row::request, health_subscription>) {
      settings_.subscribers->add(self_->current_sender());
    }
    auto promise = self_->make_response_promise<answer_type>();
    if (auto why = obstacle(welcome_, Row::least, Row::since)) {
      promise.deliver(to_error(std::move(*why)));
      return promise;
    }
    const auto bytes = bytes_of(request);
    if (waiting_.empty() && has_room(bytes)) {
      send<answer_type>(promise, std::move(request), bytes);
    } else {
      waiting_.push_back({bytes, promise, [this, promise, bytes, kept = std::move(request)]() mutable {
                            send<answer_type>(promise, std::move(kept), bytes);
                          }});
    }
    return promise;
  }

  bool has_room(std::size_t bytes) const noexcept {
    return unanswered_bytes_ == 0 || unanswered_bytes_ + bytes <= settings_.unanswered_bytes_max;
  }

  template <class Answer, class Request>
  void send(const caf::response_promise& promise, Request request, std::size_t bytes) {
    const auto number = ++last_number_;
    unanswered_.emplace_hint(unanswered_.end(), number, unanswered{promise, bytes});
    unanswered_bytes_ += bytes;
    self_->request(settings_.server, caf::infinite, std::move(request))
      .then([this, number](Answer& answer) { deliver(number, std::move(answer)); },
            [this, number](const caf::error& why) { deliver(number, translated(why)); });
  }

  template <class Content>
  void deliver(std::uint64_t number, Content content) {
    const auto found = unanswered_.find(number);
    found->second.promise.deliver(std::move(content));
    unanswered_bytes_ -= found->second.bytes;
    unanswered_.erase(found);
    while (!waiting_.empty() && has_room(waiting_.front().bytes)) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      next.send();
    }
  }

  /// An engine elsewhere that ends may come back, unlike one in this process.
  static caf::error translated(const caf::error& why) {
    auto reason = failure_of(why);
    if (reason.code != errc::shutting_down) {
      return why;
    }
    return to_error({errc::unavailable, "the server is ending"});
  }

  /// What may have changed while there was no connection.
  void subscribe_again() {
    self_->request(settings_.server, settings_.ping_interval, health_subscription{})
      .then([this](health_report& report) { tell(health_changed{std::move(report)}); }, [](const caf::error&) {});
  }

  template <class Event>
  void tell(const Event& event) {
    for (const auto& one : settings_.subscribers->all()) {
      caf::anon_send(caf::actor_cast<caf::actor>(one), event);
    }
  }

  void wait() { self_->delayed_send(self_, settings_.ping_interval, caf::tick_atom_v); }

  void ping() {
    self_->request(settings_.server, settings_.ping_interval, health_request{})
      .then([this](const health_report&) { wait(); },
            [this](const caf::error& why) {
              if (why != caf::sec::request_timeout) {
                return wait();
              }
              leave(errc::unavailable, "the server does not answer");
            });
  }

  /// Ends the connection, too. Whatever becomes of that, what is unanswered is given up.
  void leave(errc code, std::string why) {
    settings_.hang_up();
    end(code, std::move(why));
  }

  void end(errc code, std::string why) { self_->quit(to_error({code, std::move(why)})); }

  void give_up() {
    for (auto& [number, one] : unanswered_) {
      one.promise.deliver(to_error({errc::outcome_unknown, "the connection was lost before there was an answer"}));
    }
    for (auto& one : waiting_) {
      one.promise.deliver(to_error({errc::unavailable, "the connection was lost before it was sent"}));
    }
    unanswered_.clear();
    waiting_.clear();
  }

  session_actor::pointer self_; ///< Not owned; outlives the state.
  session_options settings_;
  wire::welcome welcome_; ///< Of version 0 until the server has said it.
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, unanswered> unanswered_;
  std::size_t unanswered_bytes_ = 0;
  std::deque<waiting> waiting_; ///< For room.
};

session_actor::behavior_type session(session_actor::stateful_pointer<session_state> self, session_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace

session_actor spawn_session(caf::actor_system& system, session_options settings) {
  return system.spawn<caf::hidden>(session, std::move(settings));
}

} // namespace millrace::network
