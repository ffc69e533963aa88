#pragma once

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Lets an option take a name that is not empty, as `"$NOTHING"` gives it.
CLI::Validator a_name();

/// Lets an option take a file that this process may read.
CLI::Validator readable_file();

} // namespace millrace::tools
