#include "courier.hpp"

#include "resend.hpp"

#include <millrace/actors/base/atoms.hpp>
#include <millrace/actors/base/backoff.hpp>
#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/actors/base/tenant.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

namespace {

using courier_self = courier_actor::extend<
  // INTERNAL: sends again what waits for it.
  caf::reacts_to<atom::retry>>;

/// A request without an answer.
template <class Request, class Answer>
struct parcel {
  Request content;
  caf::typed_response_promise<Answer> answer;
  resend life;
  bool under_way = false;
  bool named_here = false; ///< Whether its name is made here; it has none until it is sent.
};

/// All requests of one kind.
template <class Request, class Answer>
struct lane {
  using answer_type = Answer;
  using parcels_by_number = std::map<std::uint64_t, parcel<Request, Answer>>;
  static constexpr bool only_reads = std::is_same_v<Request, query>;

  parcels_by_number parcels;
  backoff delays{{}};
  std::optional<monotonic_time> resend_at; ///< When those that wait are sent again; nothing where none does.
  failure obstacle;                        ///< Why they wait.
};

class courier_state {
public:
  static inline const char* name = "courier";
  explicit courier_state(courier_self::pointer self) : self_(self) {}
  /// Answers every promise it still holds.
  ~courier_state();
  courier_state(const courier_state&) = delete;
  courier_state& operator=(const courier_state&) = delete;

  courier_self::behavior_type make_behavior(engine_actor front, courier_options settings);

private:
  template <class Request, class Answer>
  caf::typed_response_promise<Answer> accept(lane<Request, Answer>& on, Request request);
  template <class Lane>
  void offer(Lane& on, typename Lane::parcels_by_number::iterator which);
  template <class Lane>
  void send(Lane& on, typename Lane::parcels_by_number::iterator which);
  template <class Lane>
  void send_waiting(Lane& on);
  template <class Lane>
  void failed(Lane& on, std::uint64_t number, failure why);
  template <class Lane>
  void wait(Lane& on, const failure& why);
  template <class Lane>
  void resume(Lane& on);
  template <class Lane>
  static void give_up(Lane& on, typename Lane::parcels_by_number::iterator which, failure why);
  template <class Lane>
  static void end(Lane& on);
  bool may_be_sent(std::uint64_t number, parcel<transaction, outcome>& one);
  void ask_for_id();
  void no_id(const failure& why);
  bool lose_name(parcel<transaction, outcome>& one, const failure& why);

  courier_self::pointer self_; ///< Not owned; outlives the state.
  engine_actor front_;
  courier_options settings_;
  std::optional<uuid> client_; ///< Nothing until the engine has issued an id.
  bool asked_for_id_ = false;  ///< And until it has answered: all transactions wait, so that their order stays.
  std::uint64_t last_number_ = 0;
  lane<transaction, outcome> transactions_;
  lane<query, row_set> queries_;
  std::optional<tenant> tenant_;
};

courier_state::~courier_state() {
  end(transactions_);
  end(queries_);
}

courier_self::behavior_type courier_state::make_behavior(engine_actor front, courier_options settings) {
  front_ = std::move(front);
  settings_ = settings;
  tenant_.emplace(self_->system(), "a courier", [address = caf::actor_cast<caf::actor_addr>(self_)] {
    if (const auto left = caf::actor_cast<caf::actor>(address)) {
      caf::anon_send_exit(left, caf::exit_reason::user_shutdown);
    }
  });
  return {
    [this](transaction& work) { return accept(transactions_, std::move(work)); },
    [this](query& question) { return accept(queries_, std::move(question)); },
    [this](atom::retry) {
      resume(transactions_);
      resume(queries_);
    },
  };
}

template <class Request, class Answer>
caf::typed_response_promise<Answer> courier_state::accept(lane<Request, Answer>& on, Request request) {
  auto answer = self_->make_response_promise<Answer>();
  const auto unanswered = transactions_.parcels.size() + queries_.parcels.size();
  if (unanswered >= settings_.unanswered_max) {
    return answer.deliver(
      to_error({errc::overloaded, std::to_string(unanswered) + " requests wait in this courier already"}));
  }
  auto named_here = false;
  ++last_number_;
  if constexpr (std::is_same_v<Request, transaction>) {
    named_here = request.name == transaction_name{};
  }
  const resend life{self_->clock().now(), settings_.patience};
  const auto added = on.parcels.emplace_hint(
    on.parcels.end(), last_number_, parcel<Request, Answer>{std::move(request), answer, life, false, named_here});
  offer(on, added);
  return answer;
}

/// Sends it, or lets it wait. A query that fails says little of the next one; a transaction that fails must not be
/// overtaken by those after it.
template <class Lane>
void courier_state::offer(Lane& on, typename Lane::parcels_by_number::iterator which) {
  if (on.only_reads || !on.resend_at) {
    send(on, which);
  } else if (which->second.life.over(*on.resend_at)) {
    give_up(on, which, {errc::unavailable, "it was not sent: " + to_string(on.obstacle)});
  }
}

template <class Lane>
void courier_state::send(Lane& on, typename Lane::parcels_by_number::iterator which) {
  auto& one = which->second;
  if constexpr (!Lane::only_reads) {
    if (!may_be_sent(which->first, one)) {
      return;
    }
  }
  const auto now = self_->clock().now();
  auto attempt = one.content;
  attempt.deadline = one.life.deadline_left(attempt.deadline, now);
  const auto may_take = on.only_reads ? attempt.deadline : std::chrono::milliseconds{0};
  one.under_way = true;
  self_->request(front_, one.life.attempt_time(now, may_take), std::move(attempt))
    .then(
      [&on, number = which->first](typename Lane::answer_type& answer) {
        const auto found = on.parcels.find(number);
        on.delays.reset();
        found->second.answer.deliver(std::move(answer));
        on.parcels.erase(found);
      },
      [this, &on, number = which->first](caf::error& why) { failed(on, number, failure_of(why)); });
}

template <class Lane>
void courier_state::failed(Lane& on, std::uint64_t number, failure why) {
  const auto found = on.parcels.find(number);
  auto& one = found->second;
  one.under_way = false;
  if constexpr (Lane::only_reads) {
    why = without_doubt(std::move(why));
  } else if (lose_name(one, why)) {
    return offer(on, found);
  }
  if (!worth_resending(why)) {
    return give_up(on, found, std::move(why));
  }
  if (!on.resend_at) {
    wait(on, why);
  }
  if (one.life.over(*on.resend_at)) {
    return give_up(on, found, std::move(why));
  }
  one.life.failed(why);
}

/// All that fails before this wait is over is sent again with it, so that what went out in order goes out in order
/// again.
template <class Lane>
void courier_state::wait(Lane& on, const failure& why) {
  const auto pause = pause_before_resend(on.delays, why);
  on.resend_at = self_->clock().now() + pause;
  on.obstacle = why;
  self_->delayed_send(self_, pause, atom::retry::value);
}

template <class Lane>
void courier_state::resume(Lane& on) {
  if (!on.resend_at || self_->clock().now() < *on.resend_at) {
    return;
  }
  on.resend_at.reset();
  send_waiting(on);
}

template <class Lane>
void courier_state::send_waiting(Lane& on) {
  for (auto one = on.parcels.begin(); one != on.parcels.end(); ++one) {
    if (!one->second.under_way) {
      send(on, one);
    }
  }
}

template <class Lane>
void courier_state::give_up(Lane& on, typename Lane::parcels_by_number::iterator which, failure why) {
  auto& one = which->second;
  one.answer.deliver(to_error(one.life.last_word(std::move(why))));
  on.parcels.erase(which);
}

template <class Lane>
void courier_state::end(Lane& on) {
  for (auto& [number, one] : on.parcels) {
    failure why{errc::outcome_unknown, "the client ended before it was answered"};
    if (!one.under_way) {
      why = one.life.last_word({errc::unavailable, "the client ended before it was sent"});
    } else if (Lane::only_reads) {
      why = without_doubt(std::move(why), errc::unavailable);
    }
    one.answer.deliver(to_error(std::move(why)));
  }
}

/// Gives a transaction its name where that is made here. Where there is no id for one the engine is asked, and until it
/// answers no transaction may be sent.
bool courier_state::may_be_sent(std::uint64_t number, parcel<transaction, outcome>& one) {
  if (asked_for_id_) {
    return false;
  }
  if (one.named_here && !one.content.name.given()) {
    if (!client_) {
      ask_for_id();
      return false;
    }
    one.content.name = {*client_, number};
  }
  return true;
}

void courier_state::ask_for_id() {
  asked_for_id_ = true;
  // No transaction waits beyond its end: that of the oldest is the first.
  const auto& oldest = transactions_.parcels.begin()->second.life;
  self_->request(front_, oldest.attempt_time(self_->clock().now()), client_id_request{})
    .then(
      [this](const client_id& issued) {
        asked_for_id_ = false;
        client_ = issued.id;
        if (!transactions_.resend_at) {
          send_waiting(transactions_);
        }
      },
      [this](const caf::error& why) {
        asked_for_id_ = false;
        no_id(without_doubt(failure_of(why), errc::unavailable));
      });
}

/// What waits for a name is tried again later, or given up; none of it was sent.
void courier_state::no_id(const failure& why) {
  auto& on = transactions_;
  const auto for_good = !worth_resending(why);
  if (!for_good && !on.resend_at) {
    wait(on, why);
  }
  for (auto next = on.parcels.begin(); next != on.parcels.end();) {
    const auto one = next++;
    const auto waits = !one->second.under_way;
    const auto nameless = one->second.named_here && !one->second.content.name.given();
    if (waits && (for_good ? nameless : one->second.life.over(*on.resend_at))) {
      give_up(on, one, why);
    }
  }
  if (!on.resend_at) {
    send_waiting(on);
  }
}

/// Whether it goes out under a new name, and with it all that comes after.
bool courier_state::lose_name(parcel<transaction, outcome>& one, const failure& why) {
  if (!one.named_here || !one.life.may_rename(why)) {
    return false;
  }
  if (one.content.name.client == client_) {
    client_.reset();
  }
  one.content.name = {};
  return true;
}

courier_self::behavior_type courier(courier_self::stateful_pointer<courier_state> self, engine_actor front,
                                    courier_options settings) {
  return self->state.make_behavior(std::move(front), settings);
}

} // namespace

courier_actor spawn_courier(caf::actor_system& system, engine_actor front, courier_options settings) {
  return system.spawn(courier, std::move(front), settings);
}

} // namespace millrace
