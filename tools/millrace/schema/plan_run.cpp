#include "plan_run.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/common/user_name.hpp>
#include <millrace/tools/millrace/common/waiting_note.hpp>

#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

int rehearse(migrator& by, const migration_plan& plan, const plan_manner& how) {
  if (plan.empty()) {
    std::cout << (how.json ? "[]\n" : "There is nothing to do.\n");
    return exit_code::ok;
  }
  const auto done = [&] {
    const waiting_note note{"Trying it …"};
    return by.rehearse(plan);
  }();
  if (!done && interrupted()) {
    return complain("Interrupted. Nothing of it was kept.", exit_code::interrupted);
  }
  if (!done) {
    return complain_of(done.error(), how);
  }
  (how.json ? print_rehearsal_json : print_rehearsal)(std::cout, plan, *done);
  if (!how.json) {
    std::cout << "Nothing of this was kept.\n";
  }
  return exit_code::ok;
}

} // namespace

int complain_of(const failure& reason, const plan_manner& how) {
  if (interrupted()) {
    return complain(fmt::format("Interrupted. {} that ran takes effect as a whole or not at all: `{}` tells, and the "
                                "same command goes on.",
                                how.one, how.told_by),
                    exit_code::interrupted);
  }
  const bool wrong_call = reason.code == errc::bad_option || reason.code == errc::file_not_found;
  // That of a backfill which leaves its part says all by itself.
  const bool says_all = reason.code == errc::schema_conflict || reason.code == errc::parameter_mismatch;
  return wrong_call || says_all ? complain(reason.detail + '.', wrong_call ? exit_code::usage : exit_code::failed)
                                : complain(reason);
}

migrator_options told_steps(std::vector<taken_step>& taken, const plan_manner& how) {
  const auto note = std::make_shared<std::unique_ptr<waiting_note>>();
  migration_hooks hooks;
  hooks.before_each = [note](const planned_change& step) {
    note->reset();
    *note = std::make_unique<waiting_note>(step_text(step) + " …");
    return std::optional<failure>{};
  };
  hooks.after_each = [&taken, note, json = how.json](const planned_change& step, std::chrono::milliseconds took) {
    note->reset();
    taken.push_back({step, took});
    if (!json && step.change.step != schema_step::repair) {
      std::cout << step_text(step) << ": " << grouped(static_cast<std::uint64_t>(took.count())) << " ms" << std::endl;
    }
    vouch(step_text(step) + " took effect.");
    return std::optional<failure>{};
  };
  return {.author = user_name(),
          .hooks = std::move(hooks),
          .on_progress =
            [note](const planned_change& step, const backfill_state& now) {
              note->reset();
              std::cerr << step_text(step) << ": " << progress_text(now) << std::endl;
            },
          .stop = [] { return interrupted(); },
          .abandon =
            [] {
              return interrupted()
                       ? std::optional{failure{errc::outcome_unknown, "nobody waits for the answer any more"}}
                       : std::nullopt;
            }};
}

int carry_out(migrator& by, const migrator::planner& plan, const std::vector<taken_step>& taken,
              const plan_manner& how) {
  if (how.dry_run) {
    const auto now = by.state();
    if (!now) {
      return complain_of(now.error(), how);
    }
    const auto steps = plan(*now);
    return steps ? rehearse(by, *steps, how) : complain_of(steps.error(), how);
  }
  const auto done = by.run(plan);
  if (how.json) {
    print_steps_json(std::cout, taken);
  }
  if (!done) {
    return complain_of(done.error(), how);
  }
  if (*done == 0 && !how.json) {
    std::cout << "There is nothing to do.\n";
  }
  return exit_code::ok;
}

} // namespace millrace::tools
