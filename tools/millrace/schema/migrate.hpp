#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace migrate`: applies migrations, takes them back, and tells how they stand. `result` becomes the exit
/// code when it runs.
void add_migrate_command(CLI::App& program, int& result);

} // namespace millrace::tools
