#pragma once

#include "admission.hpp"
#include "waiting_line.hpp"

#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/messages/error.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <caf/actor.hpp>
#include <caf/message.hpp>

namespace millrace {

/// How many queries may wait for one reader, and as many for the queue, with how many bytes.
struct query_bound {
  std::uint64_t queries_max = 0;
  std::uint64_t bytes_max = 0;
};

/// Where requests for rows wait until a reader takes them, for all readers together: first come, first served for each
/// asker, and the askers in turn, those first for whom no reader works. So nobody waits behind all that another one
/// has asked for. Askers that are not known to be quick have all
/// readers but one while others are, however many they are, and those whose requests take long do anyway. Any thread;
/// what is answered here is answered outside its lock, since that may run a client's code.
class waiting_room {
public:
  /// A place in the pool for each reader; nobody sits there yet. The bounds are those of one reader.
  waiting_room(std::size_t readers, query_bound each);
  waiting_room(const waiting_room&) = delete;
  waiting_room& operator=(const waiting_room&) = delete;
  /// Answers all that still waits: `shutting_down`.
  ~waiting_room();

  /// A reader is there, at rest, in place of an earlier one. It is woken by `atom::run`.
  void enter(std::size_t reader, const caf::actor& address);
  /// It is gone: what waits for it alone may be taken by others. Gives what the caller has to answer, since no reader
  /// is there any more.
  [[nodiscard]] std::list<waiting_request> leave(std::size_t reader);

  /// What is let in and not answered: it is taken before `put`, and given back when the answer is given.
  admission& room() noexcept { return room_; }
  const admission& room() const noexcept { return room_; }

  /// Takes a request that room was taken for, and wakes a reader for it. Some reader must be there.
  void put(waiting_request one);

  /// Gives a reader that is awake what it runs next, and is told with that that it has answered what it was given
  /// before: one request, or up to `most` of those that wait, but no more than its part. Nothing where there is nothing
  /// for it: from then on it is at rest until it is woken. Where it may begin no snapshot it is given what needs none.
  [[nodiscard]] std::list<waiting_request> next(std::size_t reader, bool may_begin, std::size_t most,
                                                monotonic_time now);
  /// Takes back the last of what it was given, which it has not begun.
  void put_back(std::size_t reader, std::list<waiting_request>& unbegun);
  /// One of what a reader was given is answered with these rows from now on: who is behind a connection is given no
  /// more than its connection has room for, and is passed over until then.
  void note_answer(const caf::strong_actor_ptr& asker, const caf::message& rows, std::size_t bytes);
  /// It has answered what it was given, and asks for more later: it stays awake.
  void pause(std::size_t reader, monotonic_time now);

  /// Answers what is past its deadline (`deadline_exceeded`) or whose asker is gone, and lets the longest-running
  /// request yield where an asker who is not slow has waited for too long: for one that has all readers, or for
  /// requests that all take long. To be called often by whoever reads, also from within a read: it looks only now and
  /// then.
  void look(monotonic_time now);
  /// Whether what a reader runs is to make way.
  bool yields(std::size_t reader) const noexcept { return seats_[reader].yields.load(std::memory_order_relaxed); }

  /// Requests that no reader has taken.
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  /// Whether something is to be looked at though no reader is woken for it.
  bool unsettled() const noexcept { return waiting() > 0 || answers_under_way_.load(std::memory_order_relaxed); }
  bool is_awake(std::size_t reader) const;

  // Since the beginning: requests that found every reader busy; those that no reader took in time, and how long they
  // waited.
  std::uint64_t wait_count() const noexcept { return wait_count_.load(std::memory_order_relaxed); }
  std::uint64_t expired() const noexcept { return expired_.load(std::memory_order_relaxed); }
  std::uint64_t expired_wait_us() const noexcept { return expired_wait_us_.load(std::memory_order_relaxed); }

private:
  struct work {
    waiting_line* asker = nullptr;
    std::size_t bytes = 0;
  };
  struct seat {
    bool taken = false;
    bool awake = false;
    caf::actor address;
    std::vector<work> given; ///< And not known to be answered; what it runs, if that takes long, is the last.
    monotonic_time began;
    std::atomic<bool> yields = false;
  };

  /// How many readers run what takes long, and what is asked by who is not known to be quick.
  struct at_work {
    std::size_t take_long = 0;
    std::size_t not_quick = 0;
  };

  waiting_line& line_of(const asker_id& who);
  at_work elsewhere(std::size_t reader, monotonic_time now) const;
  waiting_line::turns& turns_of(const waiting_line& one);
  template <class Visit>
  void for_each_line(const Visit& visit);
  waiting_line* choose(std::size_t reader, bool may_begin, const at_work& others, monotonic_time now);
  void settle(waiting_line& one);
  void end(seat& one, monotonic_time now);
  void vacate(seat& one);
  seat* at_rest();
  static caf::actor wake(seat* one);
  void move_due(monotonic_time now, std::list<waiting_request>& into);
  void make_way(monotonic_time now);
  seat* longest_of_one_asker(std::optional<std::size_t> reader);
  seat* longest_where_all_take_long(monotonic_time now);
  void refuse(const waiting_request& one, failure why);

  admission room_;
  mutable std::mutex mutex_; ///< Guards all below that is not atomic.
  std::vector<seat> seats_;
  std::size_t taken_ = 0; ///< Of them.
  std::size_t turn_ = 0;  ///< Who is woken first.
  /// Those with something to look at, by standing; who was served the longest ago first.
  std::array<waiting_line::turns, asker_habit::standings> lines_;
  std::unordered_map<asker_id, waiting_line> by_asker_; ///< Others, too, for their habits and when they come again.
  std::size_t known_max_;        ///< Beyond so many those are forgotten for whom there is nothing to do.
  monotonic_time quick_asked_{}; ///< When a reader was last given what somebody asked who is known to be quick.
  std::atomic<std::size_t> waiting_ = 0;
  std::atomic<bool> answers_under_way_ = false; ///< As of the last look, or since.
  std::atomic<monotonic_time> next_look_{monotonic_time::min()};
  std::atomic<std::uint64_t> wait_count_ = 0;
  std::atomic<std::uint64_t> expired_ = 0;
  std::atomic<std::uint64_t> expired_wait_us_ = 0;
};

} // namespace millrace
