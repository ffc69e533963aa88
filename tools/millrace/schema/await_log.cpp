#include "await_log.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <chrono>
#include <iostream>
#include <utility>

#include <fmt/format.h>

namespace millrace::tools {

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
