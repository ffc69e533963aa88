#include "session.hpp"

#include <algorithm>
#include <map>
#include <string>
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

namespace {

class session_state {
public:
  static inline const char* name = "session";
  explicit session_state(session_actor::pointer self) : self_(self) {}
  session_state(const session_state&) = delete;
  session_state& operator=(const session_state&) = delete;
  ~session_state() { give_up(); }

  session_actor::behavior_type make_behavior(session_options settings) {
    settings_ = std::move(settings);
    self_->set_down_handler([this](caf::down_msg&) { self_->quit(); });
    self_->monitor(settings_.server);
    if (!settings_.subscribers->all().empty()) {
      subscribe_again();
    }
    wait();
    return {
      [this](query& question) { return pass_on<row_set>(std::move(question)); },
      [this](page_query& question) { return pass_on<row_page>(std::move(question)); },
      [this](page_cursor& position) { return pass_on<row_page>(std::move(position)); },
      [this](health_request asked) { return pass_on<health_report>(asked); },
      [this](health_subscription asked) { return subscribe(asked); },
      [this](transaction& work) { return pass_on<outcome>(std::move(work), role::read_write); },
      [this](quarantine_list asked) { return pass_on<quarantine_listing>(asked, role::operations); },
      [this](quarantine_resubmit asked) { return pass_on<outcome>(asked, role::operations); },
      [this](quarantine_discard asked) { return pass_on<outcome>(asked, role::operations); },
      [this](const health_changed& event) { tell(event); },
      [this](const breaker_changed& event) { tell(event); },
      [this](caf::tick_atom) { ping(); },
    };
  }

private:
  template <class Answer, class Request>
  caf::typed_response_promise<Answer> pass_on(Request request, role needed = role::read) {
    auto promise = self_->make_response_promise<Answer>();
    if (settings_.granted < needed) {
      promise.deliver(
        to_error({errc::wrong_role, "here it is \"" + std::string{network::name(settings_.granted)}
                                      + "\", and this takes \"" + std::string{network::name(needed)} + "\""}));
      return promise;
    }
    const auto number = ++last_number_;
    unanswered_.emplace_hint(unanswered_.end(), number, promise);
    self_->request(settings_.server, caf::infinite, std::move(request))
      .then([this, number](Answer& answer) { deliver(number, std::move(answer)); },
            [this, number](const caf::error& why) { deliver(number, translated(why)); });
    return promise;
  }

  template <class Content>
  void deliver(std::uint64_t number, Content content) {
    const auto found = unanswered_.find(number);
    found->second.deliver(std::move(content));
    unanswered_.erase(found);
  }

  /// An engine elsewhere that ends may come back, unlike one in this process.
  static caf::error translated(const caf::error& why) {
    auto reason = failure_of(why);
    if (reason.code != errc::shutting_down) {
      return why;
    }
    return to_error({errc::unavailable, "the server is ending"});
  }

  caf::typed_response_promise<health_report> subscribe(health_subscription asked) {
    settings_.subscribers->add(self_->current_sender());
    return pass_on<health_report>(asked);
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
              settings_.hang_up();
              self_->quit(); // Whatever becomes of the connection, what is unanswered is given up.
            });
  }

  void give_up() {
    for (auto& [number, promise] : unanswered_) {
      promise.deliver(to_error({errc::outcome_unknown, "the connection was lost before there was an answer"}));
    }
    unanswered_.clear();
  }

  session_actor::pointer self_; ///< Not owned; outlives the state.
  session_options settings_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, caf::response_promise> unanswered_;
};

session_actor::behavior_type session(session_actor::stateful_pointer<session_state> self, session_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace

session_actor spawn_session(caf::actor_system& system, session_options settings) {
  return system.spawn<caf::hidden>(session, std::move(settings));
}

} // namespace millrace::network
