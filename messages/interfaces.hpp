#pragma once

#include "registry.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace millrace {

/// The front of an engine: the one stable address, and the only actor that clients see. Every request gets exactly one
/// answer; `failure_of` reads the errors.
using engine_actor = caf::typed_actor<
  // Applies a transaction (or makes it durable, as it asks) and answers with its outcome.
  caf::replies_to<transaction>::with<outcome>,
  // Answers a query from a reader.
  caf::replies_to<query>::with<row_set>,
  // The newest health report.
  caf::replies_to<health_request>::with<health_report>,
  // Subscribes the sender to `health_changed`; answers with the report as it is now.
  caf::replies_to<health_subscription>::with<health_report>>;

} // namespace millrace
