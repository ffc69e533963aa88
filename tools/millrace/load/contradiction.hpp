#pragma once

#include "load_job.hpp"

#include <string>

namespace millrace::tools {

/// Why the command line asks for what cannot be; empty where it does not. `again` says whether the file can be read
/// more than once.
std::string contradiction(const load_settings& settings, bool again);

} // namespace millrace::tools
