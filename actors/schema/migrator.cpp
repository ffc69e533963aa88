#include "migrator.hpp"

#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace {

namespace {

constexpr std::chrono::milliseconds look_interval{20};

/// Of the steps that are left those that were meant at first: what others do meanwhile adds none.
void keep_wanted(migration_plan& plan, const migration_plan& wanted) {
  std::erase_if(plan, [&](const planned_change& one) {
    return std::ranges::none_of(
      wanted, [&](const planned_change& meant) { return meant.id == one.id && meant.change.step == one.change.step; });
  });
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
  std::optional<migration_plan> wanted;
  std::size_t taken = 0;
  std::optional<sha256> refused_at;
  for (;;) {
    const auto now = state();
    if (!now) {
      return tl::unexpected{now.error()};
    }
    auto steps = plan(*now);
    if (!steps) {
      return tl::unexpected{steps.error()};
    }
    if (!wanted) {
      wanted = *steps;
    }
    keep_wanted(*steps, *wanted);
    std::optional<failure> refusal;
    for (auto& step : *steps) {
      if (settings_.stop && settings_.stop()) {
        return tl::unexpected{failure{errc::unavailable, "it was stopped between two migrations"}};
      }
      if (settings_.on_begin) {
        settings_.on_begin(step);
      }
      const auto begun = std::chrono::steady_clock::now();
      step.change.author = settings_.author;
      const auto done = ask<outcome>(step.change);
      if (!done) {
        const bool again = done.error().code == errc::schema_conflict && refused_at != step.change.expected;
        if (!again) {
          return tl::unexpected{done.error()};
        }
        refused_at = step.change.expected;
        refusal = done.error();
        break;
      }
      ++taken;
      if (settings_.on_done) {
        settings_.on_done(
          step, std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun));
      }
    }
    if (!refusal) {
      return taken;
    }
  }
}

expected<schema_rehearsed> migrator::rehearse(const migration_plan& plan) {
  schema_rehearsal wanted;
  for (const auto& step : plan) {
    wanted.changes.push_back(step.change);
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
