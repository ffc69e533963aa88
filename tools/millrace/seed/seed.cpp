#include "seed.hpp"

#include "fill.hpp"

#include <millrace/actors/schema/seeds.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/at_place.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>
#include <millrace/tools/millrace/common/table.hpp>
#include <millrace/tools/millrace/schema/await_log.hpp>
#include <millrace/tools/millrace/schema/plan_run.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

struct seed_settings {
  work_place place;
  std::string folder = "migrations";
  std::string environment;
  fill_job generated;
  bool force = false;
};

std::string seeds_folder(const seed_settings& settings) {
  return (std::filesystem::path{settings.folder} / "seeds").string();
}

/// Whether what people entered is in a database of that name.
bool is_production(std::string environment) {
  std::ranges::transform(environment, environment.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return environment == "production" || environment == "prod";
}

const char* what_happens(migration_state state) {
  return state == migration_state::pending   ? "is to be applied"
         : state == migration_state::changed ? "its file was changed, and is to be applied again"
         : state == migration_state::missing ? "it has no file any more; its rows stay"
                                             : "";
}

void print_seeds(const std::vector<migration_status>& all, bool json) {
  auto list = nlohmann::ordered_json::array();
  text_table table{{"seed", "state", "what happens"}};
  for (const auto& one : all) {
    const auto number = one.id.version;
    list.push_back(
      {{"environment", one.id.set}, {"number", number}, {"name", one.name}, {"state", to_text(one.state)}});
    table.add({number > 0 ? label_of(one.id.set, number, one.name) : one.id.set + '/' + one.name, to_text(one.state),
               what_happens(one.state)});
  }
  if (json) {
    std::cout << list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  } else if (all.empty()) {
    std::cout << "There are no seeds, and none is applied.\n";
  } else {
    table.print(std::cout);
  }
}

/// How the seeds of each environment stand; those that have no files here, too.
int list_seeds(const std::vector<migration_set>& environments, migrator& by, const plan_manner& how) {
  const auto now = by.state();
  if (!now) {
    return complain_of(now.error(), how);
  }
  auto known = environments;
  for (const auto& one : now->seeds) {
    if (std::ranges::find(known, one.environment, &migration_set::name) == known.end()) {
      known.push_back({.name = one.environment, .migrations = {}});
    }
  }
  std::vector<migration_status> all;
  for (const auto& environment : known) {
    std::ranges::move(compare_seeds(environment, *now), std::back_inserter(all));
  }
  print_seeds(all, how.json);
  return exit_code::ok;
}

int complain_of_environment(const seed_settings& settings, const std::vector<migration_set>& environments) {
  std::string there;
  for (const auto& one : environments) {
    there += (there.empty() ? "" : ", ") + one.name;
  }
  return complain(fmt::format("{} has no environment that is called {}; there {}.", seeds_folder(settings),
                              settings.environment, there.empty() ? "is none" : "are: " + there),
                  exit_code::usage);
}

int run_seeds(const seed_settings& settings) {
  if (is_production(settings.environment) && !settings.force) {
    return complain(fmt::format("{} holds what people entered, and seeds may change that; `millrace seed {} --force` "
                                "applies them all the same.",
                                settings.environment, settings.environment),
                    exit_code::usage);
  }
  const auto environments = read_seeds(seeds_folder(settings));
  if (!environments) {
    const int code = complain_of(environments.error());
    return environments.error().code == errc::file_not_found ? complain(
             "Seeds are files such as migrations/seeds/dev/01_people.sql; --migrations FOLDER names another "
             "folder than migrations.",
             code)
                                                             : code;
  }
  const auto found = std::ranges::find(*environments, settings.environment, &migration_set::name);
  if (!settings.environment.empty() && found == environments->end()) {
    return complain_of_environment(settings, *environments);
  }
  const plan_manner how{.dry_run = settings.generated.dry_run,
                        .json = settings.generated.json,
                        .one = "A seed",
                        .told_by = "millrace seed"};
  return at_place(settings.place, [&](caf::actor_system& system, const engine_actor& front, operations_actor target) {
    std::vector<taken_step> taken;
    migrator by{system, std::move(target), told_steps(taken, how)};
    if (settings.environment.empty()) {
      const interrupt_watch watch{interrupted_reading};
      await_log(system, front);
      return list_seeds(*environments, by, how);
    }
    return carry_out(
      by, [&](const schema_state& now) { return plan_seeds(*found, now); }, taken, how);
  });
}

int run_fill(const seed_settings& settings) {
  return at_place(settings.place, [&](caf::actor_system& system, const engine_actor& front, const operations_actor&) {
    return fill(system, front, settings.generated);
  });
}

constexpr const char* footer = R"(
A seed is a file, migrations/seeds/ENVIRONMENT/01_people.sql, of SQL that adds and changes rows. Each is applied as one
transaction, in the order of their numbers, once; again where its text was changed, so it says ON CONFLICT. Without
ENVIRONMENT they are listed.

--rows fills tables with generated rows up to N each, for tests: values by declared type and by the words of a column's
name, foreign keys that point at rows that are there. What has a default gets that.

Examples:
  millrace seed dev --data /srv/people --dry-run
  millrace seed dev --data /srv/people
  millrace seed --connect 127.0.0.1:7402
  millrace seed --rows 1000 --table person --data /srv/people

Exit codes: 0 done, 1 it failed, 2 usage, 70 the folder could not be opened, or the engine not be reached or not serve
it now, 130 interrupted.)";

} // namespace

void add_seed_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<seed_settings>();
  auto& made = settings->generated;
  auto& command = *program.add_subcommand("seed", "Add the rows of an environment, or generated ones");
  command.footer(footer);
  auto* const environment =
    command.add_option("ENVIRONMENT", settings->environment, "Whose seeds are applied, such as dev")->check(a_name());
  add_place(command, settings->place);
  command.add_option("--migrations", settings->folder, "The folder that has seeds/; `migrations` where not given")
    ->check(a_name());
  command.add_flag("--json", made.json, "Print what is found, or done, as JSON");
  command.add_flag("--dry-run", made.dry_run, "Show what it does, and keep nothing of it");
  command.add_flag("--force", settings->force, "Apply seeds of production, too");
  auto* const rows = command.add_option("--rows", made.rows, "Fill tables with generated rows up to N each")
                       ->check(number_between(std::uint64_t{1}, std::uint64_t{1'000'000}))
                       ->excludes(environment);
  command.add_option("--table", made.tables, "Only this one; several where it is repeated")
    ->check(a_name())
    ->needs(rows);
  command.add_option("--random", made.random, "Other rows than those of 1, the same for the same number")
    ->check(number_between(std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()))
    ->needs(rows);
  command.add_flag("--yes", made.add_to_rows, "Add rows to tables that have some")->needs(rows);
  command.callback([settings, &result] {
    require_place(settings->place);
    catch_interrupts();
    result = settings->generated.rows > 0 ? run_fill(*settings) : run_seeds(*settings);
  });
}

} // namespace millrace::tools
