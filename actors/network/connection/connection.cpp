#include "connection.hpp"

#include "node.hpp"

#include <millrace/actors/base/logger.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>

#include <sys/socket.h>

namespace millrace::network {

namespace {

/// What a peer that has not shaken hands may cost.
constexpr std::size_t first_buffer_bytes = 4 * 1024;
constexpr std::size_t buffer_bytes = 64 * 1024;
/// System calls before others get their turn.
constexpr int receives_max = 8;

alias next_alias() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return alias{++last};
}

} // namespace

connection::connection(std::shared_ptr<connection_book> book, const guard_scope& scope, int socket, peer from,
                       transport_ptr bytes, const rows_refusal& no_room)
  : book_(std::move(book)),
    guard_(scope),
    socket_(socket),
    peer_(std::move(from)),
    identity_(peer_.address),
    bytes_(std::move(bytes)),
    alias_(next_alias()),
    unsent_(std::make_shared<unsent>(book_)),
    no_room_(no_room),
    opened_(std::chrono::steady_clock::now()),
    last_heard_(opened_) {
  book_->enter(*this);
  logger()->debug("{}: connected", peer_.name);
}

connection::~connection() {
  if (introduced_) {
    peer_rooms::leave({node_of(alias_.name())});
    book_->forget(alias_.name());
  }
  book_->count_actors(actors_counted_, 0);
  unsent_->count(-static_cast<std::ptrdiff_t>(unsent_->waiting()));
  book_->leave(*this, peer_.address);
  logger()->debug("{}: disconnected", peer_.name);
}

void connection::send(std::vector<char>& frames) {
  if (unsent_->waiting() > 2 * book_->limits().unread_bytes_max) {
    refuse(refusal::peer_does_not_read);
  }
  if (ended_) {
    frames.clear();
    outgoing_->clear();
  }
  if (guard_.peer()) {
    alias_.take_off(frames, *guard_.peer());
  }
  // Where little waits, one answer goes out however large it is, and the next one when there is room again.
  if (!unsent_->keeps_up() && refuse_rows(frames, unsent_->bytes(), no_room_) > 0) {
    refuse(refusal::rows_unread);
  }
  unsent_->count(static_cast<std::ptrdiff_t>(frames.size()));
  if (outgoing_->empty()) {
    outgoing_->swap(frames);
  } else {
    outgoing_->insert(outgoing_->end(), frames.begin(), frames.end());
    frames.clear();
  }
  if (outgoing_->empty()) {
    return;
  }
  if (!blocked_since_) {
    blocked_since_ = std::chrono::steady_clock::now();
  }
}

/// Whether that is done.
bool connection::shake_hands() {
  if (ready_ || ended_) {
    return ready_;
  }
  switch (bytes_->shake_hands()) {
    case transport::status::wait:
      return false;
    case transport::status::closed:
      closed();
      return false;
    case transport::status::done:
      break;
  }
  if (auto known = bytes_->identity(); !known.empty()) {
    identity_ = std::move(known);
  }
  ready_ = true;
  on_ready_();
  return true;
}

/// The transport is closed, for reasons of its own or because the peer is gone.
void connection::closed() {
  if (const auto why = bytes_->why_closed(); why != refusal::none) {
    refuse(why, bytes_->detail());
  } else {
    end();
  }
}

connection::rw_state connection::read_some(std::size_t& result, void* into, std::size_t wanted) {
  result = 0;
  if (!shake_hands()) {
    return ended_ ? rw_state::failure : rw_state::success;
  }
  for (int i = 0; granted_ == 0 && !ended_ && (i < receives_max || bytes_->has_more()); ++i) {
    const auto now = std::chrono::steady_clock::now();
    const auto had = end_ - begin_;
    receive(now);
    if (end_ - begin_ == had) {
      break;
    }
    settle(now);
  }
  if (granted_ == 0) {
    // Nothing for CAF, which is told so by success without bytes.
    return ended_ ? rw_state::failure : rw_state::success;
  }
  result = std::min(wanted, granted_);
  std::memcpy(into, buffer_.get() + begin_, result);
  begin_ += result;
  granted_ -= result;
  if (granted_ == 0) {
    settle(last_heard_);
  }
  return rw_state::success;
}

connection::rw_state connection::write_some(std::size_t& result, const void* from, std::size_t bytes) {
  result = 0;
  if (ended_) {
    return rw_state::failure;
  }
  if (bytes == 0) {
    return rw_state::indeterminate;
  }
  const auto sent = bytes_->write(static_cast<const char*>(from), bytes);
  if (sent.what == transport::status::closed) {
    closed();
    return rw_state::failure;
  }
  result = sent.bytes;
  unsent_->count(-static_cast<std::ptrdiff_t>(sent.bytes));
  if (sent.bytes == bytes && outgoing_->empty()) {
    blocked_since_.reset();
  } else if (sent.bytes > 0 || !blocked_since_) {
    blocked_since_ = std::chrono::steady_clock::now();
  }
  return rw_state::success;
}

bool connection::must_read_more() const noexcept {
  return granted_ > 0 || ended_ || bytes_->has_more();
}

void connection::sweep(time_point now) {
  const auto& limits = book_->limits();
  const auto over = [now](time_point since, std::chrono::milliseconds allowed) {
    return allowed.count() > 0 && now - since > allowed;
  };
  if (ended_) {
    return;
  }
  if (!guard_.peer() && over(opened_, limits.handshake_timeout)) {
    refuse(refusal::handshake_timeout);
  } else if (guard_.peer() && over(last_heard_, limits.idle_timeout)) {
    refuse(refusal::idle_timeout);
  } else if (blocked_since_ && over(*blocked_since_, limits.unread_timeout)) {
    refuse(refusal::peer_does_not_read);
  }
}

void connection::end() {
  ended_ = true;
  // Both directions, so that CAF is woken even where it only waits to write.
  ::shutdown(socket_, SHUT_RDWR);
}

void connection::refuse(refusal why, std::string_view detail) {
  if (ended_) {
    return; // What ended it has been said.
  }
  book_->refuse(why, peer_.name, detail);
  if (closes(why)) {
    end();
  }
}

/// Judges what has come, up to the first frame that CAF gets to see.
void connection::settle(time_point now) {
  while (!ended_) {
    const auto decided = guard_.look(unread(), now);
    switch (decided.what) {
      case basp_guard::action::wait:
        needed_ = decided.bytes;
        return;
      case basp_guard::action::refuse:
        return refuse(decided.why);
      case basp_guard::action::drop:
        refuse(decided.why);
        begin_ += decided.bytes;
        break;
      case basp_guard::action::pass:
        if (settle_peer()) {
          alias_.put_on({buffer_.get() + begin_, decided.bytes});
          granted_ = decided.bytes;
        }
        return;
    }
  }
}

/// Whether the book agrees with what the guard has come to know.
bool connection::settle_peer() {
  if (!std::exchange(introduced_, true)) {
    book_->introduce(alias_.name(), identity_);
    peer_rooms::enter({node_of(alias_.name())}, unsent_);
  }
  if (const auto actors = guard_.actors(); actors != actors_counted_) {
    if (!book_->count_actors(actors_counted_, actors)) {
      refuse(refusal::too_many_actors);
      return false;
    }
    actors_counted_ = actors;
  }
  return true;
}

void connection::receive(time_point now) {
  make_room();
  const auto got = bytes_->read(buffer_.get() + end_, capacity_ - end_);
  if (got.what == transport::status::closed) {
    closed();
  } else if (got.bytes > 0) {
    end_ += got.bytes;
    last_heard_ = now;
  }
}

/// Room for more bytes, in proportion to those that came and not to those that were announced.
void connection::make_room() {
  const auto held = end_ - begin_;
  const auto usual = guard_.peer() ? buffer_bytes : first_buffer_bytes;
  auto wanted = std::max(usual, std::min(needed_, 2 * held));
  if (capacity_ < wanted || (held == 0 && capacity_ > buffer_bytes)) {
    auto fresh = std::make_unique_for_overwrite<char[]>(wanted);
    if (held > 0) {
      std::memcpy(fresh.get(), buffer_.get() + begin_, held);
    }
    buffer_ = std::move(fresh);
    capacity_ = wanted;
  } else if (held > 0 && begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
}

} // namespace millrace::network
