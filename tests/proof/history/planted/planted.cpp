#include "planted.hpp"

#include <cstdlib>

namespace millrace {

namespace {

std::string_view wanted_bug() noexcept {
  const char* value = std::getenv("MILLRACE_PLANTED"); // Read once, before any thread is started.
  return value == nullptr ? std::string_view{} : value;
}

const std::string_view wanted = wanted_bug();

} // namespace

bool planted(std::string_view bug) noexcept {
  return bug == wanted;
}

} // namespace millrace
