#pragma once

#include "inspect.hpp"

#include <millrace/messages/health.hpp>
#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/operations/schema.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/error.hpp>
#include <caf/type_id.hpp>

// Append-only: the numbers travel between nodes.
CAF_BEGIN_TYPE_ID_BLOCK(millrace, first_custom_type_id)
  CAF_ADD_TYPE_ID(millrace, (millrace::transaction))
  CAF_ADD_TYPE_ID(millrace, (millrace::outcome))
  CAF_ADD_TYPE_ID(millrace, (millrace::query))
  CAF_ADD_TYPE_ID(millrace, (millrace::row_set))
  CAF_ADD_TYPE_ID(millrace, (millrace::failure))
  CAF_ADD_TYPE_ID(millrace, (millrace::health_request))
  CAF_ADD_TYPE_ID(millrace, (millrace::health_subscription))
  CAF_ADD_TYPE_ID(millrace, (millrace::health_report))
  CAF_ADD_TYPE_ID(millrace, (millrace::health_changed))
  CAF_ADD_TYPE_ID(millrace, (millrace::page_query))
  CAF_ADD_TYPE_ID(millrace, (millrace::page_cursor))
  CAF_ADD_TYPE_ID(millrace, (millrace::row_page))
  CAF_ADD_TYPE_ID(millrace, (millrace::breaker_changed))
  CAF_ADD_TYPE_ID(millrace, (millrace::quarantine_list))
  CAF_ADD_TYPE_ID(millrace, (millrace::quarantine_listing))
  CAF_ADD_TYPE_ID(millrace, (millrace::quarantine_resubmit))
  CAF_ADD_TYPE_ID(millrace, (millrace::quarantine_discard))
  CAF_ADD_TYPE_ID(millrace, (millrace::wire::hello))
  CAF_ADD_TYPE_ID(millrace, (millrace::wire::welcome))
  CAF_ADD_TYPE_ID(millrace, (millrace::client_id_request))
  CAF_ADD_TYPE_ID(millrace, (millrace::client_id))
  CAF_ADD_TYPE_ID(millrace, (millrace::quarantine_set_aside))
  CAF_ADD_TYPE_ID(millrace, (millrace::schema_change))
  CAF_ADD_TYPE_ID(millrace, (millrace::schema_rehearsal))
  CAF_ADD_TYPE_ID(millrace, (millrace::schema_rehearsed))
  CAF_ADD_TYPE_ID(millrace, (millrace::schema_state_request))
  CAF_ADD_TYPE_ID(millrace, (millrace::schema_state))
  CAF_ADD_TYPE_ID(millrace, (millrace::quarantine_reasons_request))
  CAF_ADD_TYPE_ID(millrace, (millrace::quarantine_reasons))
CAF_END_TYPE_ID_BLOCK(millrace)

namespace millrace {

/// The configuration of an actor system that speaks Millrace: message types registered, no `caf-application.ini` read
/// from the working directory, and a scheduler whose workers wake at once instead of sleeping between polls.
class system_config : public caf::actor_system_config {
public:
  system_config();
};

/// Adds Millrace's message types to a configuration of the program's own.
void register_messages(caf::actor_system_config& config);

/// A failure as CAF carries it.
caf::error to_error(failure reason);

/// The failure inside an error that a request was answered with. CAF's own errors are read too: a receiver that went
/// down or a timeout is `outcome_unknown`.
failure failure_of(const caf::error& error);

} // namespace millrace
