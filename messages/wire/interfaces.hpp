#pragma once

#include "requests.hpp"

#include <set>
#include <string>

#include <caf/fwd.hpp>

/// What may be asked of whom. The requests and what they are answered with are in requests.hpp.
namespace millrace {

/// What may be asked of an engine without changing anything in it.
using query_actor = wire::actor_of<wire::requests_up_to<wire::role::read>>;

/// The front of an engine: the one stable address, and the only actor that clients see. Every request gets exactly one
/// answer; `failure_of` reads the errors.
using engine_requests = wire::requests_up_to<wire::role::read_write>;
using engine_actor = wire::actor_of<engine_requests>;

/// What operators may do. Not part of the front, so that no client can do it by accident.
using operations_requests = wire::rows_between<wire::requests, wire::role::operations, wire::role::operations>;
using operations_actor = wire::actor_of<operations_requests>;

/// All of that by one address, as a server shows it to an operator elsewhere.
using operator_actor = wire::actor_of<wire::requests>;

namespace wire {

/// The interface that a program with this role is shown.
std::set<std::string> interface_of(role granted, const caf::actor_system& system);

} // namespace wire

} // namespace millrace
