#pragma once

#include "admission.hpp"
#include "admitted.hpp"
#include "reader_pool.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

#include <caf/actor.hpp>
#include <caf/mailbox_element.hpp>

namespace millrace {

/// Who serves what at this moment: the addresses behind the front, which change with every restart.
/// Supervisors write it, the front reads it in its clients' threads. Any thread.
class address_book {
public:
  /// What became of a message that was to be put into a mailbox.
  struct delivery {
    bool done = false;
    const admission* full = nullptr; ///< Whose bound it would have broken; null where nobody is there to take it.
  };

  address_book(std::size_t readers, std::shared_ptr<admission> transaction_room, query_bound queries);

  /// Records the address of a child after a start, or null when it is down. What an earlier queue or reader held of the
  /// admission bounds is free again: its requests were answered when it ended. What waits for readers is refused where
  /// the last of them is down.
  void connect(const std::string& id, const caf::actor& address);

  caf::actor find(std::string_view id) const;
  /// The same, waiting until it runs; null where it does not within `patience`.
  caf::actor wait_for(std::string_view id, std::chrono::milliseconds patience) const;
  /// How often a child was started beyond the first time.
  std::uint64_t restarts(std::string_view id) const;
  /// All children that were ever started, with their addresses.
  std::map<std::string, caf::actor> children() const;

  /// Refuses all requests from now on.
  void close();
  bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

  /// Takes room for a transaction of so many bytes and puts it into the queue's mailbox. Unless that is done, nothing
  /// is taken.
  delivery admit(std::size_t bytes, priority urgency, caf::mailbox_element_ptr& message,
                 caf::execution_unit* host) const;
  /// The same for a query that waits in the queue until its state is applied. There is none where readers have no room:
  /// one that the queue lets go is never refused.
  delivery admit_waiting(std::size_t bytes, caf::mailbox_element_ptr& message, caf::execution_unit* host);
  /// Takes room for a request for rows and lets it wait until a reader takes it. Unless that is done, nothing is taken,
  /// and the request keeps its message.
  delivery admit_reading(waiting_request& request);
  /// The same for one that was let in elsewhere: it is never refused for want of room.
  bool pass_on(waiting_request& request);
  /// Takes room and puts a message into a reader's mailbox, that of the next one in turn among those that have least to
  /// do. It is handled between two requests for rows.
  delivery admit_lookup(priority urgency, caf::mailbox_element_ptr& message, caf::execution_unit* host);
  /// Puts a message into the queue's mailbox; false where the queue is down.
  bool to_queue(caf::mailbox_element_ptr& message, caf::execution_unit* host) const;
  /// The same with the writer's.
  bool to_writer(caf::mailbox_element_ptr& message, caf::execution_unit* host) const;
  /// Puts a message into the monitor's mailbox; false where it is down.
  bool to_monitor(caf::mailbox_element_ptr& message, caf::execution_unit* host) const;
  /// The reader that the next message goes to, which counts as given to it though it may have no room; null where all
  /// are down.
  caf::actor pick_reader();

  /// Whose bound one more would break, where no reader has room for a message; else null.
  const admission* readers_full() const;

  /// What queries that wait in the queue hold; the queue gives it back.
  admission& queue_room() noexcept { return queue_room_; }
  /// Requests to readers, and queries in the queue, that are not answered.
  std::uint64_t waiting_queries() const;
  /// Whether the readers' room or that in the queue is nearly full.
  bool queries_nearly_full() const;

  /// Whether readers keep the database's own log from being emptied: the writer sets it, readers then let go of the
  /// snapshots that they have held for longer than their lease.
  const std::shared_ptr<std::atomic<bool>>& starving() const noexcept { return starving_; }
  /// The last `seq` that is durable, as far as the queue has said.
  const std::shared_ptr<std::atomic<std::uint64_t>>& durable_seq() const noexcept { return durable_seq_; }
  /// How often a newly opened database was taken to: the queue counts, readers then look whether theirs was moved away.
  const std::shared_ptr<std::atomic<std::uint64_t>>& openings() const noexcept { return openings_; }
  /// Whether what the writer computes is to be undone, as somebody must be heard before it goes on: the queue sets it,
  /// and then asks for another opening; the writer clears it when it opens its database.
  const std::shared_ptr<std::atomic<bool>>& called_off() const noexcept { return called_off_; }
  /// Whether the engine waits no longer for what readers and the writer run: set when it closes, after the time that
  /// they have for it.
  const std::shared_ptr<std::atomic<bool>>& closing() const noexcept { return closing_; }

  const std::shared_ptr<reader_slot>& slot(std::size_t reader) const { return readers_.slot(reader); }
  /// Where readers find what they run next.
  const std::shared_ptr<waiting_room>& waiting_requests() const noexcept { return readers_.waiting_requests(); }
  pool_health pool() const;

private:
  std::list<waiting_request> note(const std::string& id, const caf::actor& address);

  struct entry {
    caf::actor address;
    std::uint64_t starts = 0;
  };

  mutable std::shared_mutex mutex_; ///< Guards all addresses. Held while a message is put into a mailbox.
  mutable std::condition_variable_any changed_;
  std::map<std::string, entry, std::less<>> children_;
  caf::actor queue_;
  caf::actor writer_;
  caf::actor monitor_;
  std::shared_ptr<admission> transaction_room_;
  reader_pool readers_;
  admission queue_room_;
  std::shared_ptr<std::atomic<bool>> starving_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<std::uint64_t>> durable_seq_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::shared_ptr<std::atomic<std::uint64_t>> openings_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::shared_ptr<std::atomic<bool>> called_off_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<bool>> closing_ = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> closed_{false};
};

} // namespace millrace
