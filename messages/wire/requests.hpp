#pragma once

#include "table.hpp"
#include "version.hpp"

#include <optional>
#include <span>

/// Everything that may be asked of an engine and everything that it may send: start here to add a message. The guard's
/// lists, the gate, the session, the remote front and the typed interfaces derive from it, so what is not here does not
/// travel.
namespace millrace::wire {

// clang-format off
/// One row per request, which gets exactly one answer or an error.
using requests = table<
  //       request              answer              least role        since version
  // Answers a query from a reader.
  exchange<query,               row_set,            role::read,       1>,
  // Answers with the first page of a query's result, and with the page after that.
  exchange<page_query,          row_page,           role::read,       1>,
  exchange<page_cursor,         row_page,           role::read,       1>,
  // The newest health report.
  exchange<health_request,      health_report,      role::read,       1>,
  // Subscribes the sender to `health_changed` and `breaker_changed`; answers with the report as it is now.
  exchange<health_subscription, health_report,      role::read,       1>,
  // Applies a transaction (or makes it durable, as it asks) and answers with its outcome.
  exchange<transaction,         outcome,            role::read_write, 1>,
  // Answers with the id of a new client, for transactions that are named.
  exchange<client_id_request,   client_id,          role::read_write, 2>,
  // Lists what is in quarantine.
  exchange<quarantine_list,     quarantine_listing, role::operations, 1>,
  // Applies one of them now, or forgets it. `not_found` where there is none.
  exchange<quarantine_resubmit, outcome,            role::operations, 1>,
  exchange<quarantine_discard,  outcome,            role::operations, 1>,
  // Sets aside what is accepted and not applied. `not_found` where it is no such.
  exchange<quarantine_set_aside, outcome,           role::operations, 2>,
  // Changes the schema. `schema_conflict` where that is not in the state that the change was made for.
  exchange<schema_change,       outcome,            role::operations, 3>,
  // Runs such changes and takes them back.
  exchange<schema_rehearsal,    schema_rehearsed,   role::operations, 3>,
  // What is recorded of the schema.
  exchange<schema_state_request, schema_state,      role::operations, 3>,
  // Why what is in quarantine was set aside.
  exchange<quarantine_reasons_request, quarantine_reasons, role::operations, 3>>;
// clang-format on

/// What an engine sends beside answers: errors, and events to those who subscribed.
using events = types<caf::error, health_changed, breaker_changed>;

/// What a role lets a program ask.
template <role Granted>
using requests_up_to = rows_between<requests, role::read, Granted>;

namespace detail {

template <class... Rows>
types<hello, typename Rows::request...> requested(table<Rows...>);
template <class... Rows>
add_types<types<>, typename Rows::answer..., welcome> answered(table<Rows...>);
template <class... Answers, class... Events>
types<Answers..., Events...> joined(types<Answers...>, types<Events...>);

template <class... Rows>
constexpr bool sound(table<Rows...>) {
  constexpr bool each_once =
    std::is_same_v<add_types<types<>, typename Rows::request...>, types<typename Rows::request...>>;
  return each_once && ((1 <= Rows::since && Rows::since <= spoken.newest) && ...);
}
static_assert(sound(requests{}), "each request has one row, and a version that this program speaks");

} // namespace detail

/// Every message that a server hears, and every one that a client does.
using to_server = decltype(detail::requested(requests{}));
using to_client = decltype(detail::joined(detail::answered(requests{}), events{}));

/// What may come from a program with this role, by the names that CAF gives on the wire.
std::span<const std::string_view> contents_from(role granted) noexcept;
/// What may come from a server.
std::span<const std::string_view> contents_from_server() noexcept;

/// The least role that lets a program ask this; nothing where a message is no request.
std::optional<role> least_role(const caf::type_erased_tuple& message);

} // namespace millrace::wire
