#pragma once

#include "connection_book.hpp"

#include <chrono>
#include <memory>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace millrace::network {

/// How often one has to look for what is over time, so that nothing is late by much.
std::chrono::milliseconds sweep_interval(const connection_limits& limits);

/// An actor that lets the thread which reads and writes look for connections that are over time, until it is ended.
caf::actor spawn_sweeper(caf::actor_system& system, std::shared_ptr<connection_book> book,
                         std::chrono::milliseconds interval);

} // namespace millrace::network
