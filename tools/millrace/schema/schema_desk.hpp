#pragma once

#include <millrace/actors/schema/migrator.hpp>
#include <millrace/tools/millrace/common/connect.hpp>

#include <functional>
#include <string>

#include <caf/fwd.hpp>

namespace millrace::tools {

/// Where a command about the schema works: a folder, or a server's port for operators.
struct schema_place {
  std::string data;
  connect_settings remote;
};

/// Adds `--data` and `--connect`.
void add_place(CLI::App& command, schema_place& place);

/// What is done with an engine's schema; `front` answers queries. Gives the exit code.
using schema_work = std::function<int(caf::actor_system& system, const engine_actor& front, operations_actor target)>;

/// Opens the folder, or connects, and does the work. Gives the exit code.
int at_schema(const schema_place& place, const schema_work& work);

/// Waits for what is in the log by now to be applied, for a moment; where it is not, says on stderr how much that is.
/// What is read afterwards may be without it.
void await_log(caf::actor_system& system, const engine_actor& front);

} // namespace millrace::tools
