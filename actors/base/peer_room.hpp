#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

#include <caf/fwd.hpp>
#include <caf/node_id.hpp>

namespace millrace {

/// How much a peer elsewhere may be sent, as its connection knows: so that whoever answers makes nothing large that
/// would have to be thrown away. Any thread.
class peer_room {
public:
  virtual ~peer_room() = default;
  /// Whether little of what it was sent waits to be read. Then one answer goes out however large it is.
  virtual bool keeps_up() const noexcept = 0;
  /// How many bytes more it may be sent.
  virtual std::size_t bytes() const noexcept = 0;

  /// What one answer to it is likely to take.
  std::size_t expected_bytes() const noexcept { return expected_bytes_.load(std::memory_order_relaxed); }
  /// One took so much: the next ones are not expected to be smaller than half of those before. Called by one thread at
  /// a time.
  void note_answer(std::size_t bytes) noexcept;
  /// Whether one is as small as is expected at least: then it need not be noted.
  bool is_small(std::size_t bytes) const noexcept { return bytes <= small && expected_bytes() == small; }

private:
  static constexpr std::size_t small = 64 * 1024;

  /// As long as nothing is known: so that two readers work for it, and what they find has room in most cases.
  std::atomic<std::size_t> expected_bytes_{40 * 1024 * 1024};
};

/// Who asks on behalf of a peer: any actor of the node that CAF knows its connection as, or one actor of this process.
struct peer_id {
  caf::node_id node{};
  caf::actor_id actor = 0;

  friend bool operator==(const peer_id& one, const peer_id& other) noexcept {
    return one.actor == other.actor && one.node == other.node;
  }
};

} // namespace millrace

template <>
struct std::hash<millrace::peer_id> {
  std::size_t operator()(const millrace::peer_id& one) const noexcept {
    return one.node ? std::hash<caf::node_id>{}(one.node) : std::hash<caf::actor_id>{}(one.actor);
  }
};

namespace millrace {

/// The peers of this process's connections, no two of which share an id. Any thread.
namespace peer_rooms {

void enter(const peer_id& peer, std::shared_ptr<peer_room> room);
void leave(const peer_id& peer);
/// Null where no connection has said anything of it.
std::shared_ptr<peer_room> find(const peer_id& peer);

} // namespace peer_rooms

} // namespace millrace
