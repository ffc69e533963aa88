#pragma once

#include <array>
#include <cstdint>

namespace millrace {

/// Sixteen bytes that name one thing for ever (RFC 9562).
using uuid = std::array<std::uint8_t, 16>;

/// A new name for a client: a UUID of version 8, which carries the `seq` that the engine had reached when it was issued
/// and 62 random bits. By that `seq` an engine tells a client that is new from one whose transactions it has forgotten,
/// so it is the engine that issues ids (`client_id_request`); no clock has a part in it. Any thread.
uuid new_client_id(std::uint64_t seq);

/// The `seq` that an id from `new_client_id` carries; 0 for any other UUID.
std::uint64_t issued_at_seq(const uuid& id) noexcept;

} // namespace millrace
