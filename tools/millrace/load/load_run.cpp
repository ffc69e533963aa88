#include "load_run.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace millrace::tools {

namespace {

/// So many rows are recorded one by one before they become a range.
constexpr std::uint64_t fold_rows = 1'000;

std::vector<std::uint64_t> sorted(std::vector<std::uint64_t> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

} // namespace

load_run::load_run(std::unique_ptr<row_source> source, ack_file acknowledged, bool strict)
  : feed_(std::move(source)), ack_file_(std::move(acknowledged)), strict_(strict) {}

void load_run::resume(done_rows done) {
  const std::lock_guard lock{mutex_};
  recorded_ = true;
  done_ = std::move(done);
}

tl::expected<record, no_row> load_run::take(const caf::actor& asker) {
  for (;;) {
    auto row = feed_.next(asker);
    const std::lock_guard lock{mutex_};
    if (stopping()) {
      return tl::unexpected{no_row::any_more};
    }
    if (!row) {
      if (row.error() == no_row::any_more) {
        end_at(feed_.problem());
      }
      return row;
    }
    if (row->problem.empty() && !done_.contains(row->number)) {
      last_answer_ = counts_.waiting() == 0 ? clock::now() : last_answer_;
      ++counts_.rows;
      return row;
    }
    if (row->problem.empty()) {
      ++counts_.resumed;
      continue;
    }
    settle(*row);
    ++counts_.malformed;
    notes_.add(row_end::malformed, row->line, row->problem);
    if (strict_) {
      stop();
    }
  }
}

void load_run::acknowledge(const record& row, clock::duration latency) {
  const std::lock_guard lock{mutex_};
  if (!ack_file_.append(row.is_null(0) ? std::nullopt : std::optional<std::string_view>{row.fields.front()})) {
    if (!stopping()) {
      messages_.emplace_back("The ack file cannot be written any more; the load stops.");
    }
    stop();
  }
  const auto now = clock::now();
  if (stalled_) {
    longest_gap_ = std::max(longest_gap_, now - last_answer_);
  }
  last_answer_ = now;
  ++counts_.acknowledged;
  latencies_.record(latency);
  settle(row);
}

void load_run::fail(const record& row, const failure& reason) {
  const std::lock_guard lock{mutex_};
  const bool unknown = kind(reason.code) == error_kind::unknown;
  last_answer_ = clock::now();
  ++(unknown ? counts_.unknown : counts_.failed);
  notes_.add(unknown ? row_end::unknown : row_end::failed, row.line, to_string(reason));
  (unknown ? unknown_lines_ : failed_lines_).push_back(row.line);
}

std::optional<done_rows::span> load_run::take_fold() {
  const std::lock_guard lock{mutex_};
  return std::exchange(fold_, std::nullopt);
}

void load_run::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  feed_.stop();
}

void load_run::writer_killed() {
  const std::lock_guard lock{mutex_};
  lost_ += std::exchange(longest_gap_, {});
  stalled_ = true;
}

load_counts load_run::counts() const {
  const std::lock_guard lock{mutex_};
  return counts_;
}

double load_run::share() const {
  return feed_.share();
}

histogram load_run::latencies() const {
  const std::lock_guard lock{mutex_};
  return latencies_;
}

std::chrono::nanoseconds load_run::p99() const {
  const std::lock_guard lock{mutex_};
  return latencies_.percentile(99);
}

load_run::clock::duration load_run::silence() const {
  const std::lock_guard lock{mutex_};
  return counts_.waiting() == 0 ? clock::duration::zero() : clock::now() - last_answer_;
}

load_run::clock::duration load_run::lost() const {
  const std::lock_guard lock{mutex_};
  return lost_ + longest_gap_;
}

std::vector<std::string> load_run::take_messages() {
  const std::lock_guard lock{mutex_};
  auto all = notes_.take();
  auto others = std::exchange(messages_, {});
  std::move(others.begin(), others.end(), std::back_inserter(all));
  return all;
}

std::vector<std::uint64_t> load_run::failed_lines() const {
  const std::lock_guard lock{mutex_};
  return sorted(failed_lines_);
}

std::vector<std::uint64_t> load_run::unknown_lines() const {
  const std::lock_guard lock{mutex_};
  return sorted(unknown_lines_);
}

void load_run::settle(const record& row) {
  if (!recorded_) {
    return;
  }
  done_.add({row.number, row.number});
  if (++unfolded_ >= fold_rows) {
    unfolded_ = 0;
    fold_ = done_.last_range(fold_rows);
  }
}

/// Stops where the file could not be read to its end.
void load_run::end_at(const std::string& problem) {
  if (!problem.empty()) {
    messages_.push_back("The file cannot be read on (" + problem + "); the load stops.");
    stop();
  }
}

} // namespace millrace::tools
