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

} // namespace millrace
