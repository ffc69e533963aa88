#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace load`: imports a delimited file with many client actors. `result` becomes the exit code when it runs.
void add_load_command(CLI::App& program, int& result);

} // namespace millrace::tools
