#pragma once

#include <array>
#include <cstdint>

namespace millrace {

/// Sixteen bytes that name one thing for ever (RFC 9562).
using uuid = std::array<std::uint8_t, 16>;

/// A new name for a client: a UUID of version 7, which carries the time it was made and 74 random bits. By that time an
/// engine tells a client that is new from one whose transactions it has forgotten. Any thread.
uuid new_client_id();

/// When a UUID of version 7 was made, in milliseconds since 1970-01-01 UTC; 0 for a UUID of another version.
std::int64_t made_at_ms(const uuid& id) noexcept;

} // namespace millrace
