#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::storage {

/// XXH3-64 of some bytes. What is recorded holds it, so it never changes.
std::uint64_t hash_of(std::string_view bytes) noexcept;

} // namespace millrace::storage
