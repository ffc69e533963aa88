#pragma once

#include <millrace/messages/operations/schema.hpp>

#include <cstdint>

namespace millrace::storage::testing {

/// A chain of migrations that is told apart by one number.
inline sha256 chain(std::uint8_t number) {
  sha256 digest{};
  digest.fill(number);
  return digest;
}

} // namespace millrace::storage::testing
