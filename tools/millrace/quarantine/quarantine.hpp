#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `millrace quarantine`: looks at transactions that were set aside, applies them after all, or forgets them.
/// `result` becomes the exit code when it runs.
void add_quarantine_command(CLI::App& program, int& result);

} // namespace millrace::tools
