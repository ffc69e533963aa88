#pragma once

#include "exchange.hpp"

#include <millrace/messages/wire/role.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace millrace::network::http {

/// What is served under one method and path.
struct route {
  std::string_view method;
  std::string_view path;
  std::optional<wire::role> least; ///< Nothing where no token is asked for.
  bool takes_body;
  /// Replies, or asks the engine for what it replies then.
  void (*serve)(exchange&);
};

/// All there are.
std::span<const route> routes() noexcept;

} // namespace millrace::network::http
