#pragma once

#include "registry.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace millrace {

/// What may be asked of an engine without changing anything in it.
using query_actor = caf::typed_actor<
  // Answers a query from a reader.
  caf::replies_to<query>::with<row_set>,
  // Answers with the first page of a query's result, and with the page after that.
  caf::replies_to<page_query>::with<row_page>, caf::replies_to<page_cursor>::with<row_page>,
  // The newest health report.
  caf::replies_to<health_request>::with<health_report>,
  // Subscribes the sender to `health_changed` and `breaker_changed`; answers with the report as it is now.
  caf::replies_to<health_subscription>::with<health_report>>;

/// The front of an engine: the one stable address, and the only actor that clients see. Every request gets exactly one
/// answer; `failure_of` reads the errors.
using engine_actor = query_actor::extend<
  // Applies a transaction (or makes it durable, as it asks) and answers with its outcome.
  caf::replies_to<transaction>::with<outcome>>;

/// What operators may do. Not part of the front, so that no client can do it by accident.
using operations_actor = caf::typed_actor<
  // Lists what is in quarantine.
  caf::replies_to<quarantine_list>::with<quarantine_listing>,
  // Applies one of them now, or forgets it. `not_found` where there is none.
  caf::replies_to<quarantine_resubmit>::with<outcome>, caf::replies_to<quarantine_discard>::with<outcome>>;

/// All of that by one address, as a server shows it to an operator elsewhere.
using operator_actor = engine_actor::extend_with<operations_actor>;

} // namespace millrace
