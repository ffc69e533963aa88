#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `serve`, which opens a data folder to programs elsewhere until it is told to end; its exit code goes to
/// `result`.
void add_serve_command(CLI::App& program, int& result);

} // namespace millrace::tools
