#include <millrace/actors/base/actor_system.hpp>
#include <millrace/actors/client/client.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>

#include <caf/io/middleman.hpp>

struct config : millrace::system_config {
  config() { load<caf::io::middleman>(); }
};

int main() {
  config settings;
  millrace::actor_system system{settings};
  auto engine = millrace::network::connect(system, {.url = "nowhere"});
  return engine && millrace::client{system, engine->front()}.health() ? 1 : 0;
}
