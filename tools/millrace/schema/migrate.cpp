#include "migrate.hpp"

#include "await_log.hpp"
#include "plan_run.hpp"
#include "schema_text.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/at_place.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>
#include <millrace/tools/millrace/common/table.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

namespace fs = std::filesystem;

struct migrate_settings {
  work_place place;
  std::string folder = "migrations";
  std::string set;
  std::string name;
  std::optional<std::uint64_t> count;
  std::uint64_t version = 0;
  bool dry_run = false;
  bool json = false;
};

/// What a verb works with.
struct migrate_job {
  const migrate_settings& settings;
  const std::vector<migration_set>& sets;
  caf::actor_system& system;
  const engine_actor& front;
  migrator& by;
  std::vector<taken_step>& taken;
};

/// The only set there is, or the one that is named.
expected<const migration_set*> the_set(const migrate_job& job) {
  const auto wrong = [](std::string why) { return tl::unexpected{failure{errc::bad_option, std::move(why)}}; };
  if (job.settings.set.empty()) {
    return job.sets.size() == 1 ? expected<const migration_set*>{&job.sets.front()}
                                : wrong("there are several sets; say which one by --set");
  }
  const auto found = std::ranges::find(job.sets, job.settings.set, &migration_set::name);
  return found != job.sets.end()
           ? expected<const migration_set*>{&*found}
           : wrong(fmt::format("{} has no set that is called {}", job.settings.folder, job.settings.set));
}

/// Carries out a plan, or only tries it.
int carry_out(const migrate_job& job, const migrator::planner& plan) {
  return tools::carry_out(job.by, plan, job.taken, {.dry_run = job.settings.dry_run, .json = job.settings.json});
}

int up(const migrate_job& job) {
  if (!job.settings.set.empty()) {
    if (const auto one = the_set(job); !one) {
      return complain_of(one.error());
    }
  }
  migration_goal goal{.set = job.settings.set, .count = {}, .version = {}};
  if (job.settings.count) {
    goal.count = static_cast<std::size_t>(*job.settings.count);
  }
  return carry_out(job, [&job, goal](const schema_state& now) { return plan_up(job.sets, now, goal); });
}

int down(const migrate_job& job) {
  const auto set = the_set(job);
  if (!set) {
    return complain_of(set.error());
  }
  const auto count = static_cast<std::size_t>(job.settings.count.value_or(1));
  return carry_out(job, [&, files = *set](const schema_state& now) { return plan_down(*files, now, count); });
}

int go_to(const migrate_job& job) {
  const auto set = the_set(job);
  if (!set) {
    return complain_of(set.error());
  }
  return carry_out(job, [&, name = (*set)->name](const schema_state& now) {
    return plan_goto(job.sets, now, name, job.settings.version);
  });
}

int baseline(const migrate_job& job) {
  const auto set = the_set(job);
  if (!set) {
    return complain_of(set.error());
  }
  return carry_out(
    job, [&, files = *set](const schema_state& now) { return plan_baseline(*files, now, job.settings.version); });
}

template <schema_step Step>
int pause_or_resume(const migrate_job& job) {
  const auto set = the_set(job);
  if (!set) {
    return complain_of(set.error());
  }
  return carry_out(job, [files = *set](const schema_state& now) { return plan_pause(*files, now, Step); });
}

int repair(const migrate_job& job) {
  auto sets = job.sets;
  if (!job.settings.set.empty()) {
    std::erase_if(sets, [&](const migration_set& one) { return one.name != job.settings.set; });
    if (sets.empty()) { // All of its files are gone.
      sets.push_back({.name = job.settings.set, .migrations = {}});
    }
  }
  for (const auto& set : sets) {
    std::string told;
    const auto done = job.by.run([&](const schema_state& now) {
      auto plan = plan_repair(set, now);
      told = plan && !plan->empty() ? plan->front().change.sql : told;
      return plan;
    });
    if (!done) {
      return complain_of(done.error());
    }
    if (!job.settings.json) {
      std::cout << (*done > 0 ? told : set.name + ": the record says what the files say.\n");
    }
  }
  if (job.settings.json) {
    print_steps_json(std::cout, job.taken);
  }
  return exit_code::ok;
}

/// How all that is known stands; sets that have no files here, too.
std::vector<migration_status> all_statuses(const migrate_job& job, const schema_state& now) {
  std::vector<migration_status> all;
  const auto add = [&](const migration_set& set) {
    if (job.settings.set.empty() || set.name == job.settings.set) {
      std::ranges::move(compare(set, now), std::back_inserter(all));
    }
  };
  std::ranges::for_each(job.sets, add);
  for (const auto& applied : now.sets) {
    if (std::ranges::find(job.sets, applied.name, &migration_set::name) == job.sets.end()) {
      add({.name = applied.name, .migrations = {}});
    }
  }
  return all;
}

/// Why not all that is pending can be applied, though each alone is well: what one needs is not there, or needs it in
/// turn.
std::optional<std::string> unmet(const migrate_job& job, schema_state now) {
  for (auto& one : now.backfills) {
    one.paused = false; // That is meant.
  }
  const auto next = plan_up(job.sets, now, {});
  return next || !job.settings.set.empty() ? std::nullopt : std::optional{next.error().detail};
}

bool is_wrong(const migration_status& one) {
  return !remedy_for(one).empty();
}

int status(const migrate_job& job) {
  const interrupt_watch watch{interrupted_reading};
  await_log(job.system, job.front);
  const auto now = job.by.state();
  if (!now) {
    return complain_of(now.error());
  }
  const auto all = all_statuses(job, *now);
  if (all.empty() && !job.settings.json) {
    std::cout << "There are no migrations in " << job.settings.folder << ", and none is applied.\n";
    return exit_code::ok;
  }
  (job.settings.json ? print_status_json : print_status)(std::cout, all, now->backfills);
  if (const auto why = unmet(job, *now); why && std::ranges::none_of(all, is_wrong)) {
    std::cerr << "Not all can be applied: " << printable(*why) << ".\n";
  }
  return exit_code::ok;
}

int verify(const migrate_job& job) {
  const interrupt_watch watch{interrupted_reading};
  await_log(job.system, job.front);
  const auto now = job.by.state();
  if (!now) {
    return complain_of(now.error());
  }
  std::vector<std::string> wrong;
  for (const auto& set : now->sets) {
    if (const auto broken = check_chain(set)) {
      wrong.push_back(broken->detail);
    }
  }
  for (const auto& one : all_statuses(job, *now)) {
    if (const auto remedy = remedy_for(one); !remedy.empty()) {
      wrong.push_back(label_of(one.id.set, one.id.version, one.name) + ": " + remedy);
    }
  }
  if (auto why = unmet(job, *now); why && wrong.empty()) {
    wrong.push_back(std::move(*why));
  }
  if (!now->drift.empty()) {
    wrong.emplace_back(
      "The schema is not what migrations, scripts and ad-hoc changes made of it; `millrace schema diff` "
      "shows how, `millrace schema accept` takes it as it is");
  }
  if (job.settings.json) {
    print_sentences_json(std::cout, wrong);
  } else if (wrong.empty()) {
    std::cout << "All that is applied is as the files say, and the schema as they made it.\n";
  } else {
    std::ranges::for_each(wrong, [](const std::string& sentence) { std::cout << sentence << '\n'; });
  }
  return wrong.empty() ? exit_code::ok : exit_code::failed;
}

/// Where a new migration belongs: the set that is named, the folder itself where there are migrations in it, the only
/// set there is, or `main`.
expected<fs::path> place_of_new(const migrate_settings& settings) {
  const fs::path folder{settings.folder};
  if (!settings.set.empty()) {
    return folder / settings.set;
  }
  std::error_code none;
  if (!fs::exists(folder, none)) {
    return folder / "main";
  }
  const auto newest = newest_migration(folder);
  if (!newest || *newest > 0) {
    return newest ? expected<fs::path>{folder} : tl::unexpected{newest.error()};
  }
  std::vector<fs::path> sets;
  for (const auto& one : fs::directory_iterator{folder, none}) {
    if (one.is_directory() && newest_migration(one.path()).value_or(0) > 0) {
      sets.push_back(one.path());
    }
  }
  if (sets.size() > 1) {
    return tl::unexpected{failure{errc::bad_option, "there are several sets; say by --set which one it belongs to"}};
  }
  return sets.empty() ? folder / "main" : sets.front();
}

/// Makes the two files of a new migration, with the next number.
int make_new(const migrate_settings& settings) {
  if (!is_set_name(settings.name) || (!settings.set.empty() && !is_set_name(settings.set))) {
    return complain("Migrations and sets are called by letters, digits, _, - and . alone.", exit_code::usage);
  }
  if (settings.set == "seeds") {
    return complain("In `seeds` are the rows of environments, no migrations; call the set otherwise.",
                    exit_code::usage);
  }
  const auto folder = place_of_new(settings);
  if (!folder) {
    return complain_of(folder.error());
  }
  std::error_code problem;
  fs::create_directories(*folder, problem);
  if (problem) {
    return complain(folder->string() + ": " + problem.message() + '.', exit_code::failed);
  }
  const auto newest = newest_migration(*folder);
  if (!newest) {
    return complain_of(newest.error());
  }
  const auto stem = *folder / fmt::format("{:04}_{}", *newest + 1, settings.name);
  for (const auto& [ending, text] : {std::pair{".up.sql", "-- What this migration does.\n\n"},
                                     std::pair{".down.sql", "-- What takes it back.\n\n"}}) {
    const auto file = stem.string() + ending;
    std::ofstream made{file, std::ios::binary};
    if (!(made << text).flush()) {
      return complain(file + " cannot be written.", exit_code::failed);
    }
    std::cout << file << '\n';
  }
  return exit_code::ok;
}

using verb = int (*)(const migrate_job&);

int run(const migrate_settings& settings, verb wanted) {
  const auto sets = read_migration_sets(settings.folder);
  if (!sets) {
    const int code = complain_of(sets.error());
    return sets.error().code == errc::file_not_found
             ? complain("`millrace migrate new NAME` begins one; --migrations FOLDER names another.", code)
             : code;
  }
  catch_interrupts();
  return at_place(settings.place, [&](caf::actor_system& system, const engine_actor& front, operations_actor target) {
    std::vector<taken_step> taken;
    migrator by{system, std::move(target), told_steps(taken, {.json = settings.json})};
    return wanted({settings, *sets, system, front, by, taken});
  });
}

constexpr const char* footer = R"(
A migration is a pair of files, 0007_add_lease.up.sql and 0007_add_lease.down.sql, in migrations/SET, or in migrations
itself where there is one set. Each is applied as one transaction: where it fails, the schema is as before. Comments at
the top of the first say:
  -- requires: main/0003    what must be applied before it, of other sets, too
  -- irreversible           there is no way back
  -- timeout: 30s           after which it is called off (ms, s, min, h)
  -- backfill: lease        it changes the rows of that table in parts, each a transaction of its own, while others work:
                            UPDATE lease SET … WHERE id BETWEEN :first AND :last
before_each.sql, after_each.sql and 0007_add_lease.before.sql, .after.sql run around it, in its transaction;
before_run.sql and after_run.sql around all that a run applies.
A file that is applied never changes; a correction is a new one.

Examples:
  millrace migrate new add_lease
  millrace migrate up --data /srv/people --dry-run
  millrace migrate up --data /srv/people
  millrace migrate down --connect 127.0.0.1:7402
  millrace migrate goto 3 --data /srv/people --set main
  millrace migrate verify --data /srv/people

Exit codes: 0 done, 1 it failed, or `verify` found something, 2 usage, 70 the folder could not be opened, or the
engine not be reached or not serve it now, 130 interrupted between two migrations or parts of one.)";

} // namespace

void add_migrate_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<migrate_settings>();
  auto& command = *program.add_subcommand("migrate", "Change the schema by migrations, and take them back");
  command.footer(footer);
  command.require_subcommand(1);
  add_place(command, settings->place);
  command.add_option("--migrations", settings->folder, "Where the migrations are; `migrations` where not given")
    ->check(a_name());
  command.add_option("--set", settings->set, "Of this set alone")->check(a_name());
  command.add_flag("--json", settings->json, "Print what is found, or done, as JSON");
  command.add_flag("--dry-run", settings->dry_run,
                   "With up, down and goto: run it, show what it does and how long it takes, and take it back");
  const auto add = [&](const char* name, const char* description, verb wanted) {
    auto* const one = command.add_subcommand(name, description);
    one->callback([settings, wanted, &result] {
      require_place(settings->place);
      if (settings->dry_run && wanted != up && wanted != down && wanted != go_to) {
        throw CLI::ValidationError{"--dry-run", "it is for up, down and goto"};
      }
      result = run(*settings, wanted);
    });
    return one;
  };
  const auto positive = number_between(std::uint64_t{1}, std::uint64_t{std::numeric_limits<std::int64_t>::max()});
  const auto tries = [](CLI::App* one) {
    one->footer("--dry-run runs it, shows what it does and how long it takes, and takes it back.");
    return one;
  };
  tries(add("up", "Apply what is pending, or the next N", up))
    ->add_option("N", settings->count, "At most so many")
    ->check(positive);
  tries(add("down", "Take back the newest, or the newest N", down))
    ->add_option("N", settings->count, "So many")
    ->check(positive);
  tries(add("goto", "Go up or down to a version; 0 is none", go_to))
    ->add_option("V", settings->version, "The version")
    ->required()
    ->check(number_between(std::uint64_t{0}, std::uint64_t{std::numeric_limits<std::int64_t>::max()}));
  add("status", "How each migration stands", status);
  add("verify", "Whether files, record and schema agree", verify);
  add("baseline", "Let what is pending up to a version count as applied: its effect is there already", baseline)
    ->add_option("V", settings->version, "The version")
    ->required()
    ->check(positive);
  add("pause", "Let a backfill that is under way go no further, whoever runs it", pause_or_resume<schema_step::pause>);
  add("resume", "Let a paused backfill go on; `up` runs it", pause_or_resume<schema_step::resume>);
  add("repair", "Record anew what the files say of what is applied", repair);
  auto& fresh = *command.add_subcommand("new", "Make the files of a new migration");
  fresh.add_option("NAME", settings->name, "What it does, such as add_lease")->required()->check(a_name());
  fresh.callback([settings, &result] { result = make_new(*settings); });
}

} // namespace millrace::tools
