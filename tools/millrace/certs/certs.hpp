#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Adds `certs`, which makes certificates to try TLS with; its exit code goes to `result`.
void add_certs_command(CLI::App& program, int& result);

} // namespace millrace::tools
