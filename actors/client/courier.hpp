#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <cstddef>

#include <caf/fwd.hpp>

namespace millrace {

/// A local stand-in for the front, for programs made of actors: what is sent to it is sent on, and sent again while it
/// is not known what became of it or the engine cannot take it yet. Every request gets exactly one answer, its effect
/// takes place at most once, and when the courier ends it answers what is left.
using courier_actor =
  caf::typed_actor<caf::replies_to<transaction>::with<outcome>, caf::replies_to<query>::with<row_set>>;

struct courier_options {
  /// For so long a request is sent again. After that the answer is the last failure where the request certainly had no
  /// effect, `outcome_unknown` where it may have had one.
  std::chrono::milliseconds patience{60'000};
  /// Beyond so many requests without an answer, further ones are answered `overloaded` at once.
  std::size_t unanswered_max = 10'000;
};

/// Transactions that carry no name get one. After a failure the courier holds the transactions that come in, and a
/// little later sends all that wait in the order in which they came; what was under way meanwhile may overtake them, so
/// a program that needs one transaction before another sends it after the other's answer. The courier must be ended, by
/// an exit message, like any actor: as long as it is there its actor system does not end, but for a
/// `millrace::actor_system`, which ends it and says so in the log.
courier_actor spawn_courier(caf::actor_system& system, engine_actor front, courier_options settings = {});

} // namespace millrace
