#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace bench`: measures the engine, and with `--compare` what a user would do instead. `result` becomes the
/// exit code when it runs.
void add_bench_command(CLI::App& program, int& result);

} // namespace millrace::tools
