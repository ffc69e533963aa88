#pragma once

#include <millrace/messages/operations/schema.hpp>

#include <string>
#include <string_view>

namespace millrace {

/// The SHA-256 digest of some bytes (FIPS 180-4).
sha256 digest_of(std::string_view bytes);

/// What a set's history comes to with one more migration: the digest of the chain before it, its version, its name, its
/// checksum, and what it needs.
sha256 chain_of(const sha256& before, const applied_migration& next);

/// 64 digits.
std::string to_hex(const sha256& digest);

} // namespace millrace
