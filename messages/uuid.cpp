#include "uuid.hpp"

#include <chrono>
#include <random>

namespace millrace {

namespace {

constexpr int version_7 = 7;
constexpr std::size_t time_bytes = 6;

} // namespace

uuid new_client_id() {
  thread_local std::random_device source;
  uuid id{};
  for (auto& byte : id) {
    byte = static_cast<std::uint8_t>(source());
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto time = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  for (auto i = time_bytes; i > 0; --i, time >>= 8) {
    id[i - 1] = static_cast<std::uint8_t>(time);
  }
  // Version and variant (RFC 9562 §5.7).
  id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | (version_7 << 4));
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
  return id;
}

std::int64_t made_at_ms(const uuid& id) noexcept {
  if (id[6] >> 4 != version_7) {
    return 0;
  }
  std::int64_t time = 0;
  for (std::size_t i = 0; i < time_bytes; ++i) {
    time = (time << 8) | id[i];
  }
  return time;
}

} // namespace millrace
