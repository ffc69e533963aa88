#pragma once

#include <array>
#include <string_view>

/// Which messages travel between an engine and its clients, as CAF lists their types on the wire. Nothing else passes
/// the guard, so nothing else is ever deserialised: no exit, no down, no link, and nothing that names a third node.
namespace millrace::network {

/// Those of each role after those of the role before it.
inline constexpr std::array<std::string_view, 9> requests_to_engine{
  "@<>+millrace::query",           "@<>+millrace::page_query",          "@<>+millrace::page_cursor",
  "@<>+millrace::health_request",  "@<>+millrace::health_subscription", "@<>+millrace::transaction",
  "@<>+millrace::quarantine_list", "@<>+millrace::quarantine_resubmit", "@<>+millrace::quarantine_discard",
};

inline constexpr std::array<std::string_view, 8> answers_of_engine{
  "@<>+millrace::outcome",
  "@<>+millrace::row_set",
  "@<>+millrace::row_page",
  "@<>+millrace::health_report",
  "@<>+millrace::health_changed",
  "@<>+millrace::breaker_changed",
  "@<>+@error",
  "@<>+millrace::quarantine_listing",
};

} // namespace millrace::network
