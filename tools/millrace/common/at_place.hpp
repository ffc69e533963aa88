#pragma once

#include "connect.hpp"
#include "in_folder.hpp"

#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>
#include <caf/fwd.hpp>

namespace millrace::tools {

/// Where an operator's command works: a folder, or a server's port.
struct work_place {
  std::string data;
  connect_settings remote;
};

/// Adds `--data` and `--connect`.
void add_place(CLI::App& command, work_place& place);

/// Throws CLI11's error where neither is named.
void require_place(const work_place& place);

/// What is done with an engine; `front` answers queries. Gives the exit code.
using work_at_place = std::function<int(caf::actor_system& system, const engine_actor& front, operations_actor target)>;

/// Opens the folder, or connects, and does the work. Gives the exit code. `replay_wait` is that of the folder's engine.
int at_place(const work_place& place, const work_at_place& work, std::chrono::milliseconds replay_wait = whole_replay);

} // namespace millrace::tools
