#pragma once

#include "switchboard.hpp"

#include <millrace/messages/interfaces.hpp>

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace {

/// Passes on what operators want: questions to a reader, orders to the queue, before all bulk work. It holds nothing.
class operations_state {
public:
  static inline const char* name = "operations";
  explicit operations_state(operations_actor::pointer self) : self_(self) {}

  operations_actor::behavior_type make_behavior(std::shared_ptr<switchboard> board);

private:
  caf::result<quarantine_listing> list(const quarantine_list& request);
  caf::result<outcome> order(storage::quarantine_order wanted);
  caf::error absent(const char* why) const;

  operations_actor::pointer self_; ///< Not owned; outlives the state.
  std::shared_ptr<switchboard> board_;
};

operations_actor::behavior_type operations(operations_actor::stateful_pointer<operations_state> self,
                                           std::shared_ptr<switchboard> board);

} // namespace millrace
