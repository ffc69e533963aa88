#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace help`: explains a command, an error's code or an exit code. `result` becomes the exit code when it
/// runs.
void add_help_command(CLI::App& program, int& result);

} // namespace millrace::tools
