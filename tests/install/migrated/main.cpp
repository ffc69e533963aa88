/// A program with its migrations built in.

#include <millrace/actors/base/actor_system.hpp>
#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>

#include <iostream>

millrace::migration_set main_migrations();

int main() {
  millrace::actor_system system;
  millrace::options options;
  options.data = "migrated";
  options.create_if_missing = true;
  options.migrations = {main_migrations()};
  auto engine = millrace::open(system, options);
  if (!engine) {
    std::cerr << to_string(engine.error()) << '\n';
    return 1;
  }
  millrace::client db{system, engine->front()};
  auto rows = db.query("SELECT name, version FROM millrace_migrations");
  if (!rows) {
    std::cerr << to_string(rows.error()) << '\n';
    return 1;
  }
  for (auto row : *rows) {
    std::cout << row["name"].as_text() << ' ' << row["version"].as_integer() << '\n';
  }
  auto made_by_hooks = db.query("SELECT group_concat(title, ', ') AS titles FROM idea");
  std::cout << (made_by_hooks ? (*made_by_hooks)[0]["titles"].as_text() : to_string(made_by_hooks.error())) << '\n';
}
