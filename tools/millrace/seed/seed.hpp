#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace seed`: applies the seeds of an environment, or fills tables with generated rows. `result` becomes the
/// exit code when it runs.
void add_seed_command(CLI::App& program, int& result);

} // namespace millrace::tools
