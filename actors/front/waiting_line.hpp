#pragma once

#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/actors/base/peer_room.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/node_id.hpp>

namespace millrace {

/// Whose requests share the readers: an actor of this process, or whatever comes over one connection. Without node and
/// actor where it was sent without a sender.
using asker_id = peer_id;

/// Who asked; null where nobody waits for an answer.
asker_id id_of(const caf::strong_actor_ptr& asker);

/// A request for rows that the front has let in.
struct waiting_request {
  caf::mailbox_element_ptr message; ///< An `admitted_query`, `admitted_page_query` or `admitted_page_cursor`.
  std::size_t bytes = 0;            ///< What it holds of the readers' bound until it is answered.
  monotonic_time since;             ///< When it began to wait.
  monotonic_time deadline;
  /// The one reader that may have what it asks for, by its place in the pool; it needs no new snapshot there.
  std::optional<std::size_t> reader{};
  /// Whom the answer goes to over a connection; said when it is given to a reader.
  std::shared_ptr<peer_room> peer{};
};

/// How long what an asker asked for has taken.
struct asker_habit {
  /// So many in a row that took no long time make an asker known to be quick.
  static constexpr unsigned quick_enough = 8;

  /// In the order in which they are served.
  enum class standing : std::uint8_t { known_quick, stranger, slow };
  static constexpr std::size_t standings = 3;

  bool slow = false;  ///< Since one took long, until it is known to be quick.
  unsigned quick = 0; ///< In a row.

  bool known_quick() const noexcept { return quick >= quick_enough; }
  standing now() const noexcept {
    return slow ? standing::slow : known_quick() ? standing::known_quick : standing::stranger;
  }
  void note(bool took_long) noexcept {
    quick = took_long ? 0 : std::min(quick + 1, quick_enough);
    slow = took_long || (slow && !known_quick());
  }
};

/// What one asker waits for, oldest first, and how many readers work for it. Used under its waiting room's lock.
class waiting_line {
public:
  using requests = std::list<waiting_request>;
  /// Lines in the order in which they have their turn.
  using turns = std::list<waiting_line*>;

  explicit waiting_line(const asker_id& who);
  waiting_line(const waiting_line&) = delete;
  waiting_line& operator=(const waiting_line&) = delete;

  /// Joins these, or moves behind all others of them.
  void go_last(turns& all) { all.splice(all.end(), out_of_turn_.empty() ? all : out_of_turn_, place_); }
  void leave(turns& all) { out_of_turn_.splice(out_of_turn_.end(), all, place_); }
  bool has_turn() const noexcept { return out_of_turn_.empty(); }

  /// Takes these, for one reader or for any.
  void put(requests ones);
  /// Whether there is something for a reader; where it may begin nothing, something that it need not begin.
  bool has_any(std::size_t reader, bool may_begin) const noexcept;
  /// Whether its peer has room for one answer more, those that are under way counted. In this process everybody has.
  bool has_room();
  /// So much is answered, and under way for as long as others hold the message.
  void note_answer(const caf::message& rows, std::size_t bytes);

  /// Moves out the oldest of that, which there is: a reader works for it from now on.
  void take(std::size_t reader, bool may_begin, std::list<waiting_request>& into);
  /// The same back, before all others: no reader does any more.
  void take_back(std::list<waiting_request>& from, std::list<waiting_request>::iterator one);
  /// Lets every reader have what waits for this one.
  void release(std::size_t reader);
  /// Moves out what is past its deadline, or whose asker is gone.
  void move_due(monotonic_time now, std::list<waiting_request>& into);
  void move_all(std::list<waiting_request>& into);
  /// Whether one has waited for longer than it should have to, for any reader or for that one alone.
  bool is_impatient(monotonic_time now, std::optional<std::size_t> reader) const noexcept;

  asker_habit& habit() noexcept { return habit_; }
  const asker_habit& habit() const noexcept { return habit_; }

  std::size_t waiting() const noexcept { return waiting_; }
  std::size_t running() const noexcept { return running_; }
  void ended() noexcept { --running_; }
  /// Answers that were given and are not with its connection.
  std::size_t under_way() const noexcept { return under_way_.size(); }
  /// Whether there is something to be looked at, now and then.
  bool is_unsettled() const noexcept { return waiting_ > 0 || !under_way_.empty(); }
  bool empty() const noexcept { return running_ == 0 && !is_unsettled(); }

private:
  requests& line_of(std::optional<std::size_t> reader);
  const requests* line_for(std::size_t reader) const noexcept;

  turns out_of_turn_{this}; ///< Its place, while that is not among those that have a turn.
  turns::iterator place_ = out_of_turn_.begin();
  requests anywhere_;
  std::vector<requests> apart_; ///< By reader; as many as were needed so far.
  std::size_t waiting_ = 0;
  std::size_t running_ = 0;
  asker_habit habit_;
  std::shared_ptr<peer_room> peer_; ///< Null in this process.
  struct given_answer {
    caf::message rows;
    std::size_t bytes = 0;
  };
  std::list<given_answer> under_way_; ///< Those that are not small, oldest first.
  std::size_t under_way_bytes_ = 0;
};

} // namespace millrace
