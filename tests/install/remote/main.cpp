#include <millrace/actors/base/actor_system.hpp>
#include <millrace/actors/client/client.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>

#include <iostream>

#include <caf/io/middleman.hpp>

struct config : millrace::system_config {
  config() { load<caf::io::middleman>(); }
};

int main(int count, char** arguments) {
  config settings;
  millrace::actor_system system{settings};
  auto engine = millrace::network::connect(system, {.url = count > 1 ? arguments[1] : "millrace://127.0.0.1:7400"});
  if (!engine) {
    std::cerr << engine.error() << '\n';
    return 1;
  }
  millrace::client db{system, engine->front()};
  auto rows = db.query("SELECT title FROM idea");
  if (!rows) {
    std::cerr << to_string(rows.error()) << '\n';
    return 1;
  }
  for (auto row : *rows) {
    std::cout << row["title"].as_text() << '\n';
  }
}
