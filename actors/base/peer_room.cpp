#include "peer_room.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace millrace {

void peer_room::note_answer(std::size_t bytes) noexcept {
  expected_bytes_.store(std::max({bytes, expected_bytes() / 2, small}), std::memory_order_relaxed);
}

namespace peer_rooms {

namespace {

struct registry {
  std::mutex mutex;
  std::unordered_map<peer_id, std::shared_ptr<peer_room>> rooms;
};

registry& all() {
  static registry one;
  return one;
}

} // namespace

void enter(const peer_id& peer, std::shared_ptr<peer_room> room) {
  const std::lock_guard lock{all().mutex};
  all().rooms.insert_or_assign(peer, std::move(room));
}

void leave(const peer_id& peer) {
  const std::lock_guard lock{all().mutex};
  all().rooms.erase(peer);
}

std::shared_ptr<peer_room> find(const peer_id& peer) {
  const std::lock_guard lock{all().mutex};
  const auto found = all().rooms.find(peer);
  return found == all().rooms.end() ? nullptr : found->second;
}

} // namespace peer_rooms

} // namespace millrace
