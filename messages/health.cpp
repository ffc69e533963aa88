#include "health.hpp"

namespace millrace {

std::string_view name(health_state state) noexcept {
  switch (state) {
    case health_state::healthy:
      return "healthy";
    case health_state::degraded:
      return "degraded";
    default:
      return "unhealthy";
  }
}

std::string_view name(breaker_state state) noexcept {
  switch (state) {
    case breaker_state::closed:
      return "closed";
    case breaker_state::open:
      return "open";
    default:
      return "half-open";
  }
}

} // namespace millrace
