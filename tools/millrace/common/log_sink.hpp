#pragma once

#include <string_view>

#include <spdlog/common.h>

namespace millrace::tools {

/// Writes a text to a descriptor as far as that takes it without waiting. Whether all of it was written.
bool write_at_once(int descriptor, std::string_view text) noexcept;

/// Logs to stderr, and waits for nobody: a line that is not taken at once, because whoever reads does not read on, is
/// left out, and the next one that is taken says how many were. An engine must not stand still for its log.
spdlog::sink_ptr make_log_sink();

} // namespace millrace::tools
