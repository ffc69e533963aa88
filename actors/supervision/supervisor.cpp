#include "supervisor.hpp"

#include <millrace/actors/base/logger.hpp>

#include <algorithm>
#include <utility>

#include <caf/exit_reason.hpp>

namespace millrace {

supervisor_state::~supervisor_state() {
  // A supervisor that is killed takes its children along.
  for (auto& one : children_) {
    if (one.address) {
      self_->send_exit(one.address, caf::exit_reason::kill);
    }
  }
}

supervisor_actor::behavior_type supervisor_state::make_behavior(std::vector<child_spec> children,
                                                                supervisor_options settings) {
  settings_ = std::move(settings);
  children_.reserve(children.size());
  for (auto& spec : children) {
    children_.push_back(child{.spec = std::move(spec), .address = {}, .delay = backoff{settings_.delay}});
  }
  self_->set_down_handler([this](caf::down_msg& message) { down(message); });
  self_->set_exit_handler([this](caf::exit_msg& message) { asked_to_end(message); });
  self_->set_exception_handler([this](std::exception_ptr& thrown) { return threw(thrown); });
  std::ranges::for_each(children_, [this](child& one) { start(one); });
  return {
    [this](atom::stop) { return stop(); },
    [this](atom::restart, std::uint64_t token) { restart(token); },
  };
}

void supervisor_state::start(child& one) {
  one.stopping = false;
  one.last_start = self_->clock().now();
  one.address = one.spec.start();
  self_->monitor(one.address);
  one.spec.on_change(one.address);
}

void supervisor_state::down(const caf::down_msg& message) {
  const auto found = std::ranges::find(children_, message.source,
                                       [](const child& one) { return one.address.address(); });
  if (found == children_.end()) {
    return;
  }
  auto& one = *found;
  one.address = nullptr;
  one.spec.on_change(nullptr);
  if (ending_) {
    stop_next();
  } else if (one.stopping) {
    schedule(one);
  } else {
    failed(one, message.reason);
  }
}

void supervisor_state::failed(child& one, const caf::error& reason) {
  const auto normal = !reason || reason == caf::exit_reason::normal;
  one.wanted = one.spec.policy == restart_policy::permanent
               || (one.spec.policy == restart_policy::transient && !normal);
  if (!one.wanted) {
    return;
  }
  logger()->warn("{} ended ({}) and is restarted", one.spec.id, caf::to_string(reason));
  if (too_many_restarts()) {
    const auto text = one.spec.id + " ended again (" + caf::to_string(reason) + "): more than "
                      + std::to_string(settings_.intensity.restarts_max) + " restarts within "
                      + std::to_string(settings_.intensity.period.count()) + " ms";
    escalate(text);
    end();
    return;
  }
  if (settings_.strategy == restart_strategy::rest_for_one) {
    stop_later_siblings(one);
  }
  schedule(one);
}

void supervisor_state::escalate(const std::string& why) {
  if (reason_ != caf::exit_reason::unhandled_exception) {
    reason_ = caf::exit_reason::unhandled_exception;
    settings_.on_escalation(why);
  }
}

/// Ends it at once, and its children with it; nobody else would tell that nothing is restarted any more.
caf::error supervisor_state::threw(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& problem) {
    escalate(std::string{"a supervisor ended: "} + problem.what());
  } catch (...) {
    escalate("a supervisor ended: an unknown exception");
  }
  return reason_;
}

bool supervisor_state::too_many_restarts() {
  const auto now = self_->clock().now();
  restarts_.push_back(now);
  while (now - restarts_.front() > settings_.intensity.period) {
    restarts_.pop_front();
  }
  return restarts_.size() > settings_.intensity.restarts_max;
}

void supervisor_state::schedule(child& one) {
  if (self_->clock().now() - one.last_start > settings_.quiet_period) {
    one.delay.reset();
  }
  one.token = ++tokens_;
  std::chrono::milliseconds delay{0};
  // One that its sibling took down waits for no delay of its own: it starts right after that sibling.
  if (!one.stopping) {
    const auto first = one.delay.attempts() == 0;
    const auto next = one.delay.next();
    delay = first ? delay : next;
  }
  self_->delayed_send(self_, delay, atom::restart::value, one.token);
}

/// Starts the child whose delay is over. Under `rest_for_one` it waits for those before it to run, and for those after
/// it to be down, and then takes those along that wait for nothing but it.
void supervisor_state::restart(std::uint64_t token) {
  const auto due = std::ranges::find(children_, token, &child::token);
  if (due == children_.end()) {
    return;
  }
  if (due->address) { // The deadline for ending has passed.
    tell_to_end(*due);
    return;
  }
  due->token = 0;
  if (ending_ || !due->wanted) {
    return;
  }
  if (settings_.strategy == restart_strategy::one_for_one) {
    start(*due);
    return;
  }
  if (std::ranges::any_of(children_, [](const child& one) { return one.address && one.stopping; })) {
    return; // It comes back here when that one is down.
  }
  for (auto& one : children_) {
    if (!one.address && one.wanted) {
      if (one.token != 0) {
        return; // It waits for its own delay; what comes after it waits with it.
      }
      start(one);
    }
  }
}

void supervisor_state::stop_later_siblings(const child& one) {
  const auto from = static_cast<std::size_t>(&one - children_.data()) + 1;
  for (auto i = children_.size(); i > from; --i) {
    auto& later = children_[i - 1];
    if (later.address && !later.stopping) {
      later.wanted = later.spec.policy != restart_policy::temporary;
      tell_to_end(later);
    }
  }
}

/// Asks a child to end, and the second time kills it.
void supervisor_state::tell_to_end(child& one) {
  self_->send_exit(one.address, one.stopping ? caf::exit_reason::kill : caf::exit_reason::user_shutdown);
  one.stopping = true;
  one.token = ++tokens_;
  if (one.spec.is_supervisor) {
    return;
  }
  self_->delayed_send(self_, settings_.stop_deadline, atom::restart::value, one.token);
}

/// Ends the last child that still runs; when none does, ends itself.
void supervisor_state::stop_next() {
  const auto last = std::find_if(children_.rbegin(), children_.rend(), [](const child& one) { return one.address; });
  if (last != children_.rend()) {
    if (!last->stopping) {
      tell_to_end(*last);
    }
    return;
  }
  for (auto& promise : stop_promises_) {
    promise.deliver(atom::stop::value);
  }
  stop_promises_.clear();
  self_->quit(reason_);
}

caf::result<atom::stop> supervisor_state::stop() {
  auto promise = self_->make_response_promise<atom::stop>();
  stop_promises_.push_back(promise);
  end();
  return promise;
}

/// Its own supervisor takes it for ended once it is down, so its children must be down before.
void supervisor_state::asked_to_end(const caf::exit_msg& message) {
  if (message.reason != caf::exit_reason::normal) {
    reason_ = message.reason;
    end();
  }
}

void supervisor_state::end() {
  if (!ending_) {
    ending_ = true;
    stop_next();
  }
}

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
                                           std::vector<child_spec> children, supervisor_options settings) {
  return self->state.make_behavior(std::move(children), std::move(settings));
}

} // namespace millrace
