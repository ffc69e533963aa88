#include "role.hpp"

#include "contents.hpp"

#include <millrace/messages/wire/interfaces.hpp>

#include <algorithm>
#include <array>

#include <caf/actor_system.hpp>

namespace millrace::network {

namespace {

struct role_entry {
  role which;
  std::string_view name;
  std::size_t requests; ///< How many of `requests_to_engine`.
};

constexpr std::array roles{
  role_entry{role::read, "read", 5},
  role_entry{role::read_write, "read-write", 6},
  role_entry{role::operations, "operator", requests_to_engine.size()},
};

const role_entry& entry_of(role one) noexcept {
  return roles[static_cast<std::size_t>(one)];
}

} // namespace

std::string_view name(role one) noexcept {
  return entry_of(one).name;
}

std::optional<role> role_of_name(std::string_view text) noexcept {
  const auto* const found = std::ranges::find(roles, text, &role_entry::name);
  return found == roles.end() ? std::nullopt : std::optional{found->which};
}

std::set<std::string> interface_of(role one, const caf::actor_system& system) {
  switch (one) {
    case role::read:
      return system.message_types<query_actor>();
    case role::read_write:
      return system.message_types<engine_actor>();
    case role::operations:
      break;
  }
  return system.message_types<operator_actor>();
}

std::optional<role> role_served(const std::set<std::string>& interface, const caf::actor_system& system) {
  for (const auto one : {role::operations, role::read_write, role::read}) {
    if (system.assignable(interface, interface_of(one, system))) {
      return one;
    }
  }
  return std::nullopt;
}

std::span<const std::string_view> requests_of(role one) noexcept {
  return std::span{requests_to_engine}.first(entry_of(one).requests);
}

} // namespace millrace::network
