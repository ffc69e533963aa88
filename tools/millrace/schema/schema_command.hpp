#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace schema`: how a database's schema came to be, what it is, and whether somebody else changed it.
/// `result` becomes the exit code when it runs.
void add_schema_command(CLI::App& program, int& result);

} // namespace millrace::tools
