#pragma once

#include "ledger.hpp"

#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/actors/front/admitted.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/node_id.hpp>

namespace millrace {

/// Lets no program elsewhere take the writer from others (actors/DESIGN.md §3). Of all programs that are not known to
/// be quick, one transaction at a time is in the log and not applied: that is what others wait for. Who had some in a
/// row that were quick has a window of its own, which doubles with each further one as long as all of it takes the
/// writer no more than two seconds, and never notices any of this. One that took the writer long ends that, and its
/// program waits a multiple of the time, more each time, as long as anybody else has work. The queue's thread only.
class shares {
public:
  /// Of a writer that lets each transaction compute for so long.
  explicit shares(std::chrono::nanoseconds transaction_time_max = std::chrono::seconds{5});

  /// A transaction that waits for its turn to be accepted.
  struct waiter {
    admitted_transaction request;
    outcome_promise answer;
    caf::strong_actor_ptr from;
  };

  /// Whether a transaction of this program may go into the log before it has waited.
  bool admits(const caf::node_id& whose) const;
  void wait(waiter one);

  /// The next that may go into the log; `idle` tells that nothing of anybody is in it. Call until there is none.
  std::optional<waiter> next(monotonic_time now, bool idle);
  /// Those whose deadline has passed, or whose program is gone.
  std::vector<waiter> take_lost(monotonic_time now);
  std::vector<waiter> take_all();
  bool anybody_waits() const noexcept { return waiting_ > 0; }

  /// What stood in the log when the queue began is nobody's, and all wait for it alike. Until it is applied each
  /// program may have some there behind it, known or not.
  void let_in_behind_replay(bool replaying) noexcept { replaying_ = replaying; }

  /// A transaction of theirs stands in the log at `seq`, which rises.
  void entered(const caf::node_id& whose, std::uint64_t seq);
  /// One at `seq`, whoever sent it, has taken the writer so long.
  void took(std::uint64_t seq, std::chrono::nanoseconds how_long, monotonic_time now);
  void applied_up_to(std::uint64_t seq);
  /// What is in the log of programs that suddenly have too much there, each once: what stood before one that was
  /// applied has taken the writer twice as long as one transaction may since that one came, they took at least their
  /// part of it, and others have work (`unapplied` in the log, of all). They owe for it, and are not known any more.
  std::vector<std::uint64_t> take_overdrawn(std::uint64_t unapplied, monotonic_time now);
  /// What stood above `seq` was not written.
  void withdrawn_above(std::uint64_t seq);

private:
  struct program {
    std::size_t window = 1; ///< How many may be in the log; 1 for those not known to be quick.
    std::size_t in_log = 0;
    unsigned quick = 0;                 ///< In a row.
    unsigned spells = 0;                ///< Of slow ones, since it was known to be quick.
    std::chrono::nanoseconds recent{0}; ///< What the last `applied` ones took, more or less.
    int applied = 0;
    std::chrono::nanoseconds total{0}; ///< What all took.
    monotonic_time debt_until{};       ///< Where others have work, nothing of it goes into the log before.
    std::deque<waiter> waiting;
  };
  struct entry {
    std::uint64_t seq = 0;
    program* of = nullptr;                    ///< Stands in `programs_`.
    std::chrono::nanoseconds total{0};        ///< Its program's, when it came.
    std::chrono::nanoseconds total_of_all{0}; ///< Likewise.
    std::chrono::nanoseconds expected{0};     ///< What it will take, by what its program's last ones took.
    bool known = false;                       ///< Whether its program was, when it came.
    bool alone = false;                       ///< Whether it is the one of those that are not known to be quick.
    bool slow = false;
    bool given_up = false;
  };

  program& of(const caf::node_id& whose);
  std::optional<waiter> next_of(monotonic_time now, bool debtors_too);
  static std::chrono::nanoseconds expected(const program& one);
  bool has_place(const program& one) const;
  static void lose_standing(program& one, std::chrono::nanoseconds took, monotonic_time now);
  bool may_send(const program& one, monotonic_time now, bool debtors_too) const;
  void leave(const entry& one);
  template <class Lost>
  std::vector<waiter> take_if(Lost lost);

  std::unordered_map<caf::node_id, program> programs_; ///< Those that wait or are in the log, and some others.
  std::deque<program*> turns_;                         ///< Of those that wait, who has waited longest for a turn first.
  std::deque<entry> in_log_;
  std::size_t waiting_ = 0;
  bool replaying_ = false;
  bool one_alone_ = false;               ///< Whether there is such an entry.
  bool overdrawn_ = false;               ///< Whether there is something to take.
  std::chrono::nanoseconds expected_{0}; ///< Of what is in the log.
  std::chrono::nanoseconds total_{0};    ///< What all of all programs took.
  std::chrono::nanoseconds overdraft_max_;
};

} // namespace millrace
