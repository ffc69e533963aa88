#include <millrace/actors/base/actor_system.hpp>
#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/schema/migration.hpp>

#include <iostream>

int main(int count, char** arguments) {
  auto migrations = millrace::read_migration_sets(count > 1 ? arguments[1] : "migrations");
  if (!migrations) {
    std::cerr << to_string(migrations.error()) << '\n';
    return 1;
  }
  millrace::actor_system system;
  millrace::options options;
  options.data = "ideas";
  options.create_if_missing = true;
  options.migrations = *migrations;
  auto engine = millrace::open(system, options);
  if (!engine) {
    std::cerr << to_string(engine.error()) << '\n';
    return 1;
  }

  millrace::client db{system, engine->front()};
  auto done = db.execute("INSERT INTO idea(title, score) VALUES (?1, ?2)", "Solar kettle", 8.5);
  auto rows = db.query("SELECT title, score FROM idea WHERE score > :least", millrace::named{":least", 7.0});
  if (!done || !rows) {
    std::cerr << to_string(done ? rows.error() : done.error()) << '\n';
    return 1;
  }
  for (auto row : *rows) {
    std::cout << row["title"].as_text() << ": " << row["score"].as_real() << '\n';
  }
}
