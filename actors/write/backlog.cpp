#include "backlog.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace {

namespace {

bool holds(const storage::batch_ptr& work, std::uint64_t seq) {
  return work != nullptr && work->first_seq <= seq && seq <= work->last_seq();
}

/// A copy of the items from `first` to `last`.
storage::batch part_of(const storage::batch& whole, std::uint64_t first, std::uint64_t last) {
  storage::batch part;
  part.first_seq = first;
  part.accept_time_ms = whole.accept_time_ms;
  part.chain = whole.chain;
  const auto begin = whole.items.begin() - static_cast<std::ptrdiff_t>(whole.first_seq);
  part.items.assign(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(last) + 1);
  return part;
}

} // namespace

void backlog::start_after(std::uint64_t seq) {
  cursor_.reset();
  read_back_.reset();
  forget_up_to(seq);
  if (window_.empty()) {
    next_ = seq + 1;
  }
}

void backlog::keep(storage::batch_ptr work, std::uint64_t bytes) {
  if (work->first_seq != next_ || bytes_ + bytes > bytes_max_) {
    return;
  }
  next_ = work->last_seq() + 1;
  bytes_ += bytes;
  window_.push_back({std::move(work), bytes});
}

void backlog::forget_up_to(std::uint64_t seq) {
  while (!window_.empty() && window_.front().work->last_seq() <= seq) {
    bytes_ -= window_.front().bytes;
    window_.pop_front();
  }
  if (window_.empty()) {
    next_ = std::max(next_, seq + 1);
  }
  skipped_.erase(skipped_.begin(), skipped_.upper_bound(seq));
}

storage::result<storage::batch_ptr> backlog::from(std::uint64_t seq, std::uint64_t count_max, storage::log& source) {
  auto found = find(seq, source);
  if (!found) {
    return found;
  }
  const auto& whole = **found;
  const auto last = seq + std::min(count_max - 1, whole.last_seq() - seq);
  const auto complete = whole.first_seq == seq && whole.last_seq() == last;
  if (complete && !has_skipped(whole)) {
    return found;
  }
  auto part = part_of(whole, seq, last);
  for (auto order = skipped_.lower_bound(seq); order != skipped_.end() && order->first <= last; ++order) {
    part.skipped.push_back(order->second);
  }
  return std::make_shared<const storage::batch>(std::move(part));
}

bool backlog::has_skipped(const storage::batch& work) const {
  const auto first = skipped_.lower_bound(work.first_seq);
  return first != skipped_.end() && first->first <= work.last_seq();
}

storage::result<storage::batch_ptr> backlog::find(std::uint64_t seq, storage::log& source) {
  // By halves: a window may hold thousands of batches.
  const auto kept = std::ranges::partition_point(window_,
                                                 [seq](const entry& one) { return one.work->last_seq() < seq; });
  if (kept != window_.end() && holds(kept->work, seq)) {
    cursor_.reset();
    read_back_.reset();
    return kept->work;
  }
  if (holds(read_back_, seq)) {
    return read_back_;
  }
  if (cursor_ == nullptr) {
    auto opened = source.read_from(seq);
    if (!opened) {
      return tl::unexpected{std::move(opened).error()};
    }
    cursor_ = std::move(*opened);
  }
  auto read = cursor_->next();
  if (!read) {
    return tl::unexpected{std::move(read).error()};
  }
  if (!*read || (*read)->first_seq != seq) {
    return storage::fail(errc::corrupt, "the log ends before seq " + std::to_string(seq));
  }
  read_back_ = std::make_shared<const storage::batch>(std::move(**read));
  if (window_.empty()) {
    next_ = std::max(next_, read_back_->last_seq() + 1);
  }
  return read_back_;
}

} // namespace millrace
