#include "row_feed.hpp"

#include <utility>

#include <caf/send.hpp>

namespace millrace::tools {

namespace {

constexpr std::size_t ready_rows_max = 4'096;
constexpr std::size_t ready_bytes_max = 8 * 1024 * 1024;

std::size_t bytes_of(const record& row) noexcept {
  std::size_t bytes = 0;
  for (const auto& field : row.fields) {
    bytes += field.size();
  }
  return bytes;
}

} // namespace

row_feed::row_feed(std::unique_ptr<row_source> source) : source_(std::move(source)), reader_([this] { read_all(); }) {}

row_feed::~row_feed() {
  stop();
  reader_.join();
}

tl::expected<record, no_row> row_feed::next(const caf::actor& asker) {
  const std::lock_guard lock{mutex_};
  if (ready_.empty()) {
    if (!over_) {
      waiting_.push_back(asker);
    }
    return tl::unexpected{over_ ? no_row::any_more : no_row::yet};
  }
  auto row = std::move(ready_.front().row);
  share_ = ready_.front().share;
  ready_.pop_front();
  ready_bytes_ -= bytes_of(row);
  if (half_empty()) {
    has_room_.notify_one();
  }
  return row;
}

void row_feed::stop() {
  finish({});
  {
    const std::lock_guard lock{mutex_};
    ready_.clear();
    ready_bytes_ = 0;
  }
  // Last: a row that it cuts in two must find that nothing is added any more.
  source_->end();
}

std::string row_feed::problem() const {
  const std::lock_guard lock{mutex_};
  return problem_;
}

double row_feed::share() const {
  const std::lock_guard lock{mutex_};
  return share_;
}

void row_feed::read_all() {
  while (auto row = source_->next()) {
    if (!add(std::move(*row), source_->share())) {
      return;
    }
  }
  finish(source_->problem());
}

/// When reading goes on that had to wait: not at each row that is taken, or the thread would run for one at a time.
bool row_feed::half_empty() const noexcept {
  return ready_.size() <= ready_rows_max / 2 && ready_bytes_ <= ready_bytes_max / 2;
}

/// Waits until there is room. Whether more are wanted.
bool row_feed::add(record row, double share) {
  std::unique_lock lock{mutex_};
  if (ready_.size() >= ready_rows_max || ready_bytes_ >= ready_bytes_max) {
    has_room_.wait(lock, [this] { return over_ || half_empty(); });
  }
  if (over_) {
    return false;
  }
  ready_bytes_ += bytes_of(row);
  ready_.push_back({std::move(row), share});
  if (!waiting_.empty()) {
    caf::anon_send(waiting_.back(), more_rows::value);
    waiting_.pop_back();
  }
  return true;
}

void row_feed::finish(std::string problem) {
  const std::lock_guard lock{mutex_};
  if (over_) {
    return;
  }
  over_ = true;
  problem_ = std::move(problem);
  has_room_.notify_one();
  for (const auto& one : std::exchange(waiting_, {})) {
    caf::anon_send(one, more_rows::value);
  }
}

} // namespace millrace::tools
