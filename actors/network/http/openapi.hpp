#pragma once

#include <string_view>

namespace millrace::network::http {

/// What is served, for machines: openapi.json.
std::string_view openapi() noexcept;

} // namespace millrace::network::http
