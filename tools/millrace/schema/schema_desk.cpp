#include "schema_desk.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/in_folder.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>

#include <chrono>
#include <iostream>
#include <utility>

#include <fmt/format.h>

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

void await_log(caf::actor_system& system, const engine_actor& front) {
  client database{system, front};
  auto question = select("SELECT 1");
  question.consistency = consistency::linearizable;
  question.deadline = std::chrono::seconds{2};
  const auto seen = database.query(std::move(question));
  if (seen || seen.error().code != errc::deadline_exceeded) {
    return; // Who asks next is told of what is wrong.
  }
  const auto report = database.health();
  const auto left = report && report->durable_seq > report->applied_seq ? report->durable_seq - report->applied_seq : 1;
  std::cerr << fmt::format("Of the log {} {} still to be applied, and what {} is not shown here.\n", left,
                           left == 1 ? "entry is" : "entries are", left == 1 ? "it does" : "they do");
}

} // namespace millrace::tools
