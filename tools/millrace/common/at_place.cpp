#include "at_place.hpp"

#include "readable_file.hpp"

namespace millrace::tools {

void add_place(CLI::App& command, work_place& place) {
  auto* data =
    command.add_option("--data", place.data, "The data folder; it is recovered where that is needed")->check(a_name());
  add_connect_options(command, place.remote, data);
}

void require_place(const work_place& place) {
  require_place(place.data, place.remote);
}

int at_place(const work_place& place, const work_at_place& work, std::chrono::milliseconds replay_wait) {
  const auto at = [&](caf::actor_system& system, const auto& target) {
    return work(system, target.front(), target.operations());
  };
  if (!place.remote.server.empty()) {
    return at_server(place.remote, at);
  }
  options settings;
  settings.data = place.data;
  settings.read.readers = 1;
  settings.replay_wait = replay_wait;
  settings.drain_deadline = std::chrono::seconds{2}; // Where what does not end is interrupted.
  return in_folder(settings, at);
}

} // namespace millrace::tools
