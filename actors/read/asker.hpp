#pragma once

#include "replies.hpp"

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/front/waiting_room.hpp>
#include <millrace/storage/database.hpp>

#include <chrono>
#include <cstddef>
#include <list>
#include <utility>

#include <caf/actor_control_block.hpp>

namespace millrace {

/// The actor that asked for a read. One elsewhere ends here with the connection that it asked over.
class asker {
public:
  explicit asker(caf::strong_actor_ptr who) : who_(std::move(who)) {}

  bool gone() const noexcept { return is_gone(who_); }

  /// Whether it is an actor of another node than this one.
  bool elsewhere(const caf::node_id& here) const noexcept { return who_ && who_->node() != here; }

private:
  caf::strong_actor_ptr who_;
};

/// A read that runs, as it is looked at from within: then it is seen to what waits meanwhile, too. What its reader has
/// taken beside goes back to the others where this takes long, and what it has answered leaves. Outlived by all that it
/// is made of.
class watched_read final : public storage::requester {
public:
  watched_read(const asker& from, waiting_room& waiting, std::size_t reader, std::list<waiting_request>& unbegun,
               replies& answered, monotonic_time started) noexcept
    : from_(from),
      waiting_(waiting),
      reader_(reader),
      unbegun_(unbegun),
      answered_(answered),
      long_from_(started + long_read) {}

  bool gone() const noexcept override {
    const auto now = std::chrono::steady_clock::now();
    if (now > long_from_) {
      answered_.send();
      if (!unbegun_.empty()) {
        waiting_.put_back(reader_, unbegun_);
      }
    }
    waiting_.look(now);
    return from_.gone();
  }
  bool yields() const noexcept override { return waiting_.yields(reader_); }

private:
  static constexpr std::chrono::milliseconds long_read{1};

  const asker& from_;
  waiting_room& waiting_;
  std::size_t reader_;
  std::list<waiting_request>& unbegun_;
  replies& answered_;
  monotonic_time long_from_;
};

} // namespace millrace
