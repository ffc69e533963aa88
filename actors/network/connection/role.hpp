#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include <caf/fwd.hpp>

namespace millrace::network {

/// What a program that connects may do. Each may do what those before it may, and more.
enum class role : std::uint8_t {
  read,       ///< Queries and health: `query_actor`.
  read_write, ///< Transactions, too: `engine_actor`.
  operations, ///< What operators do, too: `operator_actor`.
};

/// `read`, `read-write` or `operator`.
std::string_view name(role one) noexcept;
std::optional<role> role_of_name(std::string_view text) noexcept;

/// The interface of the actor that a program with this role is shown.
std::set<std::string> interface_of(role one, const caf::actor_system& system);
/// The highest role that an actor with this interface serves; none where it is no engine's.
std::optional<role> role_served(const std::set<std::string>& interface, const caf::actor_system& system);

/// Which of `requests_to_engine` may come from a program with this role.
std::span<const std::string_view> requests_of(role one) noexcept;

} // namespace millrace::network
