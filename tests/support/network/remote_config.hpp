#pragma once

#include <millrace/actors/base/actor_system.hpp>

#include <caf/io/middleman.hpp>

namespace millrace::test {

/// A program that reaches engines elsewhere.
struct remote_config : system_config {
  remote_config() { load<caf::io::middleman>(); }
};

} // namespace millrace::test
