#include "hash.hpp"

#include <xxhash.h>

namespace millrace::storage {

std::uint64_t hash_of(std::string_view bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

} // namespace millrace::storage
