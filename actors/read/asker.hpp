#pragma once

#include <millrace/storage/database.hpp>

#include <utility>

#include <caf/abstract_actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>

namespace millrace {

/// The actor that asked for a read. One elsewhere ends here with the connection that it asked over.
class asker final : public storage::requester {
public:
  explicit asker(caf::strong_actor_ptr who) : who_(std::move(who)) {}

  bool gone() const noexcept override {
    constexpr int ended = caf::abstract_actor::is_terminated_flag | caf::abstract_actor::is_cleaned_up_flag;
    return who_ && caf::actor_cast<caf::abstract_actor*>(who_)->getf(ended);
  }

  /// Whether it is an actor of another node than this one.
  bool elsewhere(const caf::node_id& here) const noexcept { return who_ && who_->node() != here; }

private:
  caf::strong_actor_ptr who_;
};

} // namespace millrace
