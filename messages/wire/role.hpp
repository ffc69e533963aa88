#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::wire {

/// What a program that connects may do. Each may do what those before it may, and more. Append-only: the numbers travel
/// between nodes.
enum class role : std::uint8_t {
  read,       ///< Queries and health: `query_actor`.
  read_write, ///< Transactions, too: `engine_actor`.
  operations, ///< What operators do, too: `operator_actor`.
};

/// `read`, `read-write` or `operator`.
std::string_view name(role one) noexcept;
std::optional<role> role_of_name(std::string_view text) noexcept;

} // namespace millrace::wire
