#pragma once

#include <millrace/messages/error.hpp>

#include <string>

namespace millrace {

/// What keeps an actor waiting, as a sentence. That the outcome of what it tried is not known is no news to people: it
/// tries until it knows. What went wrong stands in the detail.
inline std::string obstacle_text(const failure& obstacle) {
  return obstacle.code == errc::outcome_unknown ? obstacle.detail : to_string(obstacle);
}

} // namespace millrace
