#pragma once

#include <caf/atom.hpp>

/// What an actor tells itself, or another of the engine, without any content.
namespace millrace {

namespace atom {
using flush = caf::atom_constant<caf::atom("flush")>;
using apply = caf::atom_constant<caf::atom("apply")>;
using reopen = caf::atom_constant<caf::atom("reopen")>;
using retry = caf::atom_constant<caf::atom("retry")>;
using look = caf::atom_constant<caf::atom("look")>;
using run = caf::atom_constant<caf::atom("run")>;
using tick = caf::atom_constant<caf::atom("tick")>;
using drain = caf::atom_constant<caf::atom("drain")>;
using sample = caf::atom_constant<caf::atom("sample")>;
} // namespace atom

} // namespace millrace
