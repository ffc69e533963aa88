#include "schema_command.hpp"

#include "await_log.hpp"
#include "schema_text.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/schema/migrator.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/at_place.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/user_name.hpp>

#include <iostream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

struct schema_settings {
  work_place place;
  bool json = false;
};

struct schema_job {
  const schema_settings& settings;
  caf::actor_system& system;
  const engine_actor& front;
  migrator& by;
};

int diff(const schema_job& job) {
  const interrupt_watch watch{interrupted_reading};
  await_log(job.system, job.front);
  const auto now = job.by.state();
  if (!now) {
    return complain(now.error());
  }
  if (job.settings.json) {
    print_differences_json(std::cout, now->drift);
  } else if (now->drift.empty()) {
    std::cout << "The schema is what scripts, migrations and ad-hoc changes made of it.\n";
  } else {
    print_differences(std::cout, now->drift);
  }
  return now->drift.empty() ? exit_code::ok : exit_code::failed;
}

int history(const schema_job& job) {
  const interrupt_watch watch{interrupted_reading};
  await_log(job.system, job.front);
  constexpr std::uint32_t page = 1'000;
  std::vector<recorded_change> all;
  for (bool more = true; more;) {
    auto next = job.by.history(all.empty() ? 0 : all.back().seq, page);
    if (!next) {
      return complain(next.error());
    }
    more = next->more && !next->history.empty();
    std::move(next->history.begin(), next->history.end(), std::back_inserter(all));
  }
  (job.settings.json ? print_history_json : print_history)(std::cout, all);
  return exit_code::ok;
}

/// As SQL that makes the same schema. What SQLite makes by itself, and what belongs to a virtual table, is left out.
int dump(const schema_job& job) {
  const interrupt_watch watch{interrupted_reading};
  await_log(job.system, job.front);
  client database{job.system, job.front};
  const auto rows = database.query(
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'millrace\\_%' ESCAPE '\\' AND name NOT "
    "LIKE "
    "'sqlite\\_%' ESCAPE '\\' AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') "
    "ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid");
  if (!rows) {
    return complain(rows.error());
  }
  for (auto row : *rows) {
    const auto sql = row[0].as_text();
    const auto last_line = sql.substr(sql.rfind('\n') + 1); // Which may end in a comment.
    std::cout << sql << (last_line.find("--") == std::string_view::npos ? ";\n" : "\n;\n");
  }
  return exit_code::ok;
}

int accept(const schema_job& job) {
  const auto done = job.by.adopt();
  if (!done) {
    return complain(done.error());
  }
  constexpr auto sentence = "The schema that is there counts as it should be from now on.";
  std::cout << sentence << '\n';
  vouch(sentence);
  return exit_code::ok;
}

using schema_verb = int (*)(const schema_job&);

int run(const schema_settings& settings, schema_verb wanted) {
  return at_place(settings.place, [&](caf::actor_system& system, const engine_actor& front, operations_actor target) {
    migrator by{system, std::move(target), {.author = user_name()}};
    return wanted({settings, system, front, by});
  });
}

constexpr const char* schema_footer = R"(
The schema changes through the log alone: by scripts, by migrations (millrace migrate) and by what an operator does
(millrace sql "CREATE …"). `diff` shows what somebody else did to the file.

Examples:
  millrace schema history --data /srv/people
  millrace schema diff --connect 127.0.0.1:7402
  millrace schema dump --data /srv/people > schema.sql

Exit codes: 0 done, 1 `diff` found a difference, or it failed, 2 usage, 70 the folder could not be opened, or the engine
not be reached or not serve it now, 130 interrupted.)";

} // namespace

void add_schema_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<schema_settings>();
  auto& command = *program.add_subcommand("schema", "Show a schema, its history, and whether somebody else changed it");
  command.footer(schema_footer);
  command.require_subcommand(1);
  add_place(command, settings->place);
  const auto add = [&](const char* name, const char* description, schema_verb wanted) {
    auto* const one = command.add_subcommand(name, description);
    one->callback([settings, wanted, &result] {
      require_place(settings->place);
      result = run(*settings, wanted);
    });
    return one;
  };
  add("diff", "What is there and was not made by Millrace, or the other way round", diff)
    ->add_flag("--json", settings->json, "Print an array of objects");
  add("history", "How the schema came to be", history)->add_flag("--json", settings->json, "Print an array of objects");
  add("dump", "The schema as SQL", dump);
  add("accept", "Take what somebody else did to the schema for right", accept);
}

} // namespace millrace::tools
