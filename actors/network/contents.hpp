#pragma once

#include <array>
#include <string_view>

/// Which messages travel between an engine and its clients, as CAF lists their types on the wire. Nothing else passes
/// the guard, so nothing else is ever deserialised: no exit, no down, no link, and nothing that names a third node.
namespace millrace::network {

inline constexpr std::array<std::string_view, 6> requests_to_engine{
  "@<>+millrace::transaction", "@<>+millrace::query",          "@<>+millrace::page_query",
  "@<>+millrace::page_cursor", "@<>+millrace::health_request", "@<>+millrace::health_subscription",
};

inline constexpr std::array<std::string_view, 7> answers_of_engine{
  "@<>+millrace::outcome",
  "@<>+millrace::row_set",
  "@<>+millrace::row_page",
  "@<>+millrace::health_report",
  "@<>+millrace::health_changed",
  "@<>+millrace::breaker_changed",
  "@<>+@error",
};

} // namespace millrace::network
