#include "schema_desk.hpp"

#include <millrace/tools/millrace/common/in_folder.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>

#include <chrono>

namespace millrace::tools {

void add_place(CLI::App& command, schema_place& place) {
  auto* data =
    command.add_option("--data", place.data, "The data folder; it is recovered where that is needed")->check(a_name());
  add_connect_options(command, place.remote, data);
}

int at_schema(const schema_place& place, const schema_work& work) {
  const auto at = [&](caf::actor_system& system, const auto& target) {
    return work(system, target.front(), target.operations());
  };
  if (!place.remote.server.empty()) {
    return at_server(place.remote, at);
  }
  options settings;
  settings.data = place.data;
  settings.read.readers = 1;
  settings.replay_wait = whole_replay;
  settings.drain_deadline = std::chrono::seconds{2}; // Where a migration is interrupted that does not end.
  return in_folder(settings, at);
}

} // namespace millrace::tools
