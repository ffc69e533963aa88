#include "simulation_life.hpp"

#include <algorithm>
#include <utility>

#include <caf/actor_config.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/send.hpp>

namespace millrace::test::simulated {

namespace {

using namespace std::chrono_literals;

/// CAF's numbers of requests begin with 1.
caf::message_id id_of(std::size_t number) {
  return caf::message_id{number + 1}.with_normal_priority();
}

/// Addresses would differ between two runs of one seed.
caf::actor_id id_of(caf::resumable& job) {
  const auto* actor = dynamic_cast<caf::abstract_actor*>(&job);
  return actor == nullptr ? caf::invalid_actor_id : actor->id();
}

template <class... Ts>
reply_content content_of(const caf::message& content) {
  reply_content result = failure{errc::malformed, "the answer is of no known kind"};
  static_cast<void>(((content.match_elements<Ts>() && (result = reply_content{content.get_as<Ts>(0)}, true)) || ...));
  if (content.match_elements<caf::error>()) {
    result = failure_of(content.get_as<caf::error>(0));
  }
  return result;
}

constexpr courier_options courier_settings{.patience = 3s, .unanswered_max = 10'000};

} // namespace

/// Takes answers at the moment when they are given, the second one to a request too, which CAF's own actors drop.
class life::recorder final : public caf::monitorable_actor {
public:
  recorder(caf::actor_config& config, life& owner) : caf::monitorable_actor(config), owner_(owner) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override {
    owner_.note(message->mid, message->move_content_to_message());
  }
  const char* name() const override { return "recorder"; }

private:
  life& owner_;
};

life::life(simulation_machine& machine, std::mt19937_64& random, history& seen)
  : machine_(machine),
    random_(random),
    seen_(seen),
    first_exchange_(seen.exchanges.size()),
    scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {
  scheduler_.clock().current_time = machine_.now();
  caf::actor_config config;
  recorder_ = caf::make_actor<recorder, caf::strong_actor_ptr>(system_.next_actor_id(), system_.node(), &system_,
                                                               config, *this);
}

life::~life() {
  cut_off();
  close();
}

tl::expected<void, failure> life::open(options settings, storage::file_system& files) {
  auto opened = millrace::open(system_, std::move(settings), {.files = &files, .simulation_step = [this] { step(); }});
  if (!opened) {
    drain();
    return tl::unexpected{std::move(opened).error()};
  }
  engine_ = std::move(*opened);
  courier_ = spawn_courier(system_, engine_->front(), courier_settings);
  return {};
}

void life::close() {
  if (engine_) {
    engine_->close();
  }
  if (courier_) {
    caf::anon_send_exit(courier_, caf::exit_reason::user_shutdown);
    courier_ = nullptr;
  }
  drain();
  engine_.reset();
  drain();
}

void life::cut_off() {
  if (std::exchange(cut_off_, true)) {
    return;
  }
  for (auto i = first_exchange_; i < seen_.exchanges.size(); ++i) {
    seen_.exchanges[i].cut_at = seen_.exchanges[i].replies.empty() ? seen_.events : 0;
  }
}

void life::kill_courier() {
  caf::anon_send_exit(courier_, caf::exit_reason::user_shutdown);
  courier_ = spawn_courier(system_, engine_->front(), courier_settings);
}

std::uint64_t life::unanswered() const {
  return static_cast<std::uint64_t>(
    std::count_if(seen_.exchanges.begin() + static_cast<std::ptrdiff_t>(first_exchange_), seen_.exchanges.end(),
                  [](const exchange& one) { return one.replies.empty(); }));
}

std::size_t life::send(const caf::strong_actor_ptr& to, caf::message request) {
  const auto number = seen_.exchanges.size();
  const auto now = ++seen_.events;
  seen_.exchanges.push_back({.sent_at = now, .cut_at = cut_off_ ? now : 0, .replies = {}});
  to->enqueue(recorder_, id_of(number), std::move(request), nullptr);
  return number;
}

void life::note(caf::message_id id, const caf::message& content) {
  if (cut_off_) {
    return;
  }
  const auto number = id.request_id().integer_value() - 1;
  if (number >= seen_.exchanges.size() || number < first_exchange_ || id != id_of(number).response_id()) {
    ++seen_.strays;
    return;
  }
  seen_.exchanges[number].replies.push_back(
    {++seen_.events, content_of<outcome, row_set, row_page, quarantine_listing, health_report>(content)});
}

void life::stall(std::uint64_t steps) {
  auto& jobs = scheduler_.jobs;
  stalled_ = jobs.empty() ? caf::invalid_actor_id : id_of(*jobs[random_() % jobs.size()]);
  stalled_for_ = steps;
}

void life::let_timers_fire() {
  const auto behind = machine_.now() - scheduler_.clock().now();
  if (behind.count() > 0) {
    scheduler_.advance_time(behind);
  }
}

void life::step() {
  if (random_() % 4 == 0) {
    machine_.pass(std::chrono::microseconds{random_() % (random_() % 16 == 0 ? 50'000 : 1'000)});
  }
  let_timers_fire();
  auto& jobs = scheduler_.jobs;
  stalled_for_ -= stalled_for_ > 0 ? 1 : 0;
  const auto ready = static_cast<std::size_t>(
    std::ranges::count_if(jobs, [this](caf::resumable* one) { return stalled_for_ == 0 || id_of(*one) != stalled_; }));
  if (ready == 0) {
    machine_.pass(std::chrono::microseconds{random_() % 10'000});
    return;
  }
  std::rotate(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(random_() % jobs.size()), jobs.end());
  if (stalled_for_ > 0 && id_of(*jobs.front()) == stalled_) {
    std::rotate(jobs.begin(), jobs.begin() + 1, jobs.end());
  }
  scheduler_.run_once();
}

/// Until nobody has anything to do; timers do not fire.
void life::drain() {
  stalled_for_ = 0;
  while (scheduler_.has_job()) {
    scheduler_.run_once();
  }
}

} // namespace millrace::test::simulated
