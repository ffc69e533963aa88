#include "role.hpp"

#include <algorithm>
#include <array>

namespace millrace::wire {

namespace {

constexpr std::array<std::string_view, 3> names{"read", "read-write", "operator"};
static_assert(names.size() == static_cast<std::size_t>(role::operations) + 1);

} // namespace

std::string_view name(role one) noexcept {
  return names[static_cast<std::size_t>(one)];
}

std::optional<role> role_of_name(std::string_view text) noexcept {
  const auto* const found = std::ranges::find(names, text);
  return found == names.end() ? std::nullopt : std::optional{static_cast<role>(found - names.begin())};
}

} // namespace millrace::wire
