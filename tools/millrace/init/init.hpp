#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace init`: makes a data folder. `result` becomes the exit code when it runs.
void add_init_command(CLI::App& program, int& result);

} // namespace millrace::tools
