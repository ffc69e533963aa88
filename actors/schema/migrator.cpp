#include "migrator.hpp"

#include "part_size.hpp"

#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <set>
#include <thread>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace {

namespace {

constexpr std::chrono::milliseconds look_interval{20};

/// Of the steps that are left those that were meant at first: what others do meanwhile adds none, and no hook of the
/// run is run again.
void keep_wanted(migration_plan& plan, const migration_plan& wanted, const std::set<std::string>& hooks_run) {
  std::erase_if(plan, [&](const planned_change& one) {
    return (one.change.step == schema_step::hook && hooks_run.contains(one.name))
           || std::ranges::none_of(wanted, [&](const planned_change& meant) {
                return meant.id == one.id && meant.change.step == one.change.step;
              });
  });
}

/// What a hook of the program objects to.
template <class Hook, class... Given>
std::optional<failure> call(const char* name, const Hook& hook, const Given&... given) {
  const auto threw = [name](const std::string& what) {
    return failure{errc::unavailable, std::string{"the program's hook "} + name + " threw: " + what};
  };
  try {
    return hook ? hook(given...) : std::nullopt;
  } catch (const std::exception& problem) {
    return threw(problem.what());
  } catch (...) {
    return threw("what is no std::exception");
  }
}

} // namespace

migrator::migrator(caf::actor_system& system, operations_actor target, migrator_options settings)
  : system_(system), target_(std::move(target)), settings_(std::move(settings)) {}

template <class Answer, class Request>
expected<Answer> migrator::ask(Request request) {
  caf::scoped_actor self{system_};
  expected<Answer> answer = tl::unexpected{failure{}};
  auto asked = self->request(target_, caf::infinite, std::move(request));
  while (settings_.abandon && self->mailbox().empty()) {
    if (auto why = settings_.abandon()) {
      return tl::unexpected{std::move(*why)};
    }
    self->await_data(std::chrono::high_resolution_clock::now() + look_interval);
  }
  asked.receive([&](Answer& given) { answer = std::move(given); },
                [&](const caf::error& problem) { answer = tl::unexpected{failure_of(problem)}; });
  return answer;
}

expected<schema_state> migrator::state() {
  return history(INT64_MAX, 1);
}

expected<schema_state> migrator::history(std::uint64_t after, std::uint32_t limit) {
  return ask<schema_state>(schema_state_request{.after = after, .limit = limit});
}

expected<std::size_t> migrator::run(const planner& plan) {
  std::optional<progress> so_far;
  for (;;) {
    const auto now = state();
    if (!now) {
      return tl::unexpected{now.error()};
    }
    auto steps = plan(*now);
    if (!steps) {
      return tl::unexpected{steps.error()};
    }
    if (!so_far) {
      so_far = progress{.wanted = *steps};
      if (auto no = steps->empty() ? std::nullopt : call("before_run", settings_.hooks.before_run, *steps)) {
        return tl::unexpected{std::move(*no)};
      }
    }
    keep_wanted(*steps, so_far->wanted, so_far->hooks_run);
    const auto done = take(*steps, *so_far);
    if (!done) {
      return tl::unexpected{done.error()};
    }
    if (*done) {
      break;
    }
  }
  if (auto no = so_far->wanted.empty() ? std::nullopt : call("after_run", settings_.hooks.after_run, so_far->wanted)) {
    return tl::unexpected{std::move(*no)};
  }
  return so_far->taken;
}

/// False where others changed what the steps were planned for, so that they must be planned anew.
expected<bool> migrator::take(migration_plan& steps, progress& so_far) {
  for (auto& step : steps) {
    if (settings_.stop && settings_.stop()) {
      return tl::unexpected{failure{errc::unavailable, "it was stopped between two migrations"}};
    }
    if (auto no = call("before_each", settings_.hooks.before_each, step)) {
      return tl::unexpected{std::move(*no)};
    }
    const auto begun = std::chrono::steady_clock::now();
    step.change.author = settings_.author;
    if (const auto done = carry_out(step); !done) {
      const bool again = so_far.refused_at != step.change.expected && !step.change.goes_on;
      if (done.error().code != errc::schema_conflict || !again) {
        return tl::unexpected{done.error()};
      }
      so_far.refused_at = step.change.expected;
      return false;
    }
    ++so_far.taken;
    if (step.change.step == schema_step::hook) {
      so_far.hooks_run.insert(step.name);
    }
    const auto took = std::chrono::steady_clock::now() - begun;
    if (auto no = call("after_each", settings_.hooks.after_each, step,
                       std::chrono::duration_cast<std::chrono::milliseconds>(took))) {
      return tl::unexpected{std::move(*no)};
    }
  }
  return true;
}

expected<outcome> migrator::carry_out(planned_change& step) {
  return step.change.backfill.empty() ? ask<outcome>(step.change) : run_parts(step);
}

/// Others may run parts of the same backfill, and its end may be theirs.
expected<outcome> migrator::run_parts(planned_change& step) {
  constexpr std::chrono::milliseconds first_look{50};
  constexpr std::chrono::seconds usual_look{1};
  const auto own_timeout = step.change.timeout;
  part_size size;
  std::optional<backfill_state> before;
  auto next_look = std::chrono::steady_clock::now();
  auto next_word = next_look + usual_look;
  for (;;) {
    if (settings_.stop && settings_.stop()) {
      return tl::unexpected{failure{errc::unavailable, "it was stopped between two parts of a backfill"}};
    }
    step.change.rows_max = size.rows();
    const bool cuttable = size.rows() > 1;
    step.change.timeout = own_timeout;
    if (cuttable && (own_timeout.count() == 0 || own_timeout > part_size::longest)) {
      step.change.timeout = part_size::longest;
    }
    auto done = ask<outcome>(step.change);
    if (!done && done.error().code == errc::deadline_exceeded && cuttable) {
      size.cut();
      before.reset();
      next_look = std::chrono::steady_clock::now();
      continue;
    }
    if (!done || done->results.empty()
        || done->results.front().rows_changed < static_cast<std::int64_t>(step.change.rows_max)) {
      return done;
    }
    step.change.goes_on = true;
    if (const auto now = std::chrono::steady_clock::now(); now >= next_look) {
      const auto seen = state();
      if (!seen) {
        return tl::unexpected{seen.error()};
      }
      if (const auto* const at = backfill_of(*seen, step.id.set)) {
        const bool goes_on = before && before->rows_done <= at->rows_done; // Others may have begun it anew.
        size.learn(at->rows_done - (goes_on ? before->rows_done : 0),
                   std::chrono::microseconds{at->took_us - (goes_on ? before->took_us : 0)});
        before = *at;
        if (settings_.on_progress && now >= next_word) {
          settings_.on_progress(step, *at);
          next_word = now + usual_look;
        }
      }
      // The first sizes are guesses.
      next_look = now + (size.rows() > step.change.rows_max ? first_look : usual_look);
    }
    std::this_thread::sleep_for(size.time());
  }
}

expected<schema_rehearsed> migrator::rehearse(const migration_plan& plan) {
  schema_rehearsal wanted;
  for (const auto& step : plan) {
    wanted.changes.push_back(step.change);
    if (!step.change.backfill.empty()) {
      wanted.changes.back().rows_max = INT64_MAX; // Nobody is let in between anyway.
      wanted.changes.back().timeout = {};         // Of a part.
    }
  }
  return ask<schema_rehearsed>(std::move(wanted));
}

expected<outcome> migrator::apply_ad_hoc(std::string sql) {
  schema_change change;
  change.sql = std::move(sql);
  change.author = settings_.author;
  return ask<outcome>(std::move(change));
}

expected<outcome> migrator::adopt() {
  schema_change change;
  change.step = schema_step::adopt;
  change.author = settings_.author;
  return ask<outcome>(std::move(change));
}

} // namespace millrace
