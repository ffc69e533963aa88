#pragma once

#include <filesystem>
#include <string>

#include <tl/expected.hpp>

namespace millrace::tools {

/// The median of some hundred times 4 KiB written and synced into space that is already there, in microseconds. The
/// error is a sentence.
[[nodiscard]] tl::expected<double, std::string> fdatasync_us(const std::filesystem::path& folder);

} // namespace millrace::tools
