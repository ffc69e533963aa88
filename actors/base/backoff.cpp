#include "backoff.hpp"

#include <algorithm>

namespace millrace {

backoff::backoff(backoff_options settings, std::uint64_t seed)
  : settings_(settings), random_(static_cast<std::minstd_rand::result_type>(seed)) {}

std::chrono::milliseconds backoff::next() {
  constexpr unsigned doublings_max = 30;
  const auto doublings = std::min(attempts_++, doublings_max);
  const auto full = std::min(settings_.first.count() << doublings, settings_.cap.count());
  std::uniform_int_distribution<std::int64_t> jitter{full / 2, full};
  return std::chrono::milliseconds{jitter(random_)};
}

} // namespace millrace
