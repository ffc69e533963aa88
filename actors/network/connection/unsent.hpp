#pragma once

#include "connection_book.hpp"

#include <millrace/actors/base/peer_room.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace millrace::network {

/// What waits to be read by the peer of one connection, counted in the book, too. Changed in the thread that reads and
/// writes, looked at in any.
class unsent final : public peer_room {
public:
  explicit unsent(std::shared_ptr<connection_book> book) : book_(std::move(book)) {}
  unsent(const unsent&) = delete;
  unsent& operator=(const unsent&) = delete;

  void count(std::ptrdiff_t more) noexcept {
    waiting_.fetch_add(static_cast<std::size_t>(more), std::memory_order_relaxed);
    book_->count_unsent(more);
  }
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  bool keeps_up() const noexcept override { return waiting() <= little; }
  std::size_t bytes() const noexcept override { return book_->room_to_send(waiting()); }

private:
  /// What waits where a peer keeps up.
  static constexpr std::size_t little = 64 * 1024;

  std::shared_ptr<connection_book> book_;
  std::atomic<std::size_t> waiting_ = 0; ///< Bytes, with those that the stream is writing.
};

} // namespace millrace::network
