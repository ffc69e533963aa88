#include "uuid.hpp"

#include <algorithm>
#include <cstddef>
#include <random>

namespace millrace {

namespace {

// RFC 9562 §5.8: 48 bits of our own, the version, 12 bits of our own, the variant, 62 bits of our own.
constexpr int version_8 = 8;
constexpr int variant = 2;
constexpr std::size_t first_part_bytes = 6;
constexpr std::uint64_t seq_max = (std::uint64_t{1} << 60) - 1;

} // namespace

uuid new_client_id(std::uint64_t seq) {
  thread_local std::random_device source;
  uuid id{};
  for (auto& byte : id) {
    byte = static_cast<std::uint8_t>(source());
  }
  seq = std::min(seq, seq_max);
  id[7] = static_cast<std::uint8_t>(seq);
  id[6] = static_cast<std::uint8_t>((version_8 << 4) | (seq >> 8 & 0x0f));
  seq >>= 12;
  for (auto i = first_part_bytes; i > 0; --i, seq >>= 8) {
    id[i - 1] = static_cast<std::uint8_t>(seq);
  }
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | (variant << 6));
  return id;
}

std::uint64_t issued_at_seq(const uuid& id) noexcept {
  if (id[6] >> 4 != version_8 || id[8] >> 6 != variant) {
    return 0;
  }
  std::uint64_t seq = 0;
  for (std::size_t i = 0; i < first_part_bytes; ++i) {
    seq = (seq << 8) | id[i];
  }
  return (seq << 12) | std::uint64_t{id[6] & 0x0fU} << 8 | id[7];
}

} // namespace millrace
