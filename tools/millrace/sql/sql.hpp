#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace sql`: runs one query or transaction. `result` becomes the exit code when it runs.
void add_sql_command(CLI::App& program, int& result);

} // namespace millrace::tools
