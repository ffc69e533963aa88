#pragma once

#include <string>

namespace millrace::tools {

/// Who runs this command: what the system calls the user.
std::string user_name();

} // namespace millrace::tools
