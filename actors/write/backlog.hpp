#pragma once

#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/work.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

namespace millrace {

/// What is in the log and not applied: the newest of it in memory, as far as that fits, the rest read back from the
/// log. The queue's thread only.
class backlog {
public:
  explicit backlog(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// Nothing up to `seq` is part of it.
  void start_after(std::uint64_t seq);

  /// Takes what was just written. It is read back from the log where it does not fit.
  void keep(storage::batch_ptr work, std::uint64_t bytes);

  /// Forgets what is applied.
  void forget_up_to(std::uint64_t seq);

  /// The batch that begins at `seq`, or only its first `count_max` pieces of work; with what is skipped in it marked.
  [[nodiscard]] storage::result<storage::batch_ptr> from(std::uint64_t seq, std::uint64_t count_max,
                                                         storage::log& source);

  void skip(const storage::skipped_work& order) { skipped_.insert_or_assign(order.seq, order); }
  bool is_skipped(std::uint64_t seq) const {
    const auto order = skipped_.find(seq);
    return order != skipped_.end() && order->second.why != errc::none;
  }

private:
  struct entry {
    storage::batch_ptr work;
    std::uint64_t bytes = 0;
  };

  [[nodiscard]] storage::result<storage::batch_ptr> find(std::uint64_t seq, storage::log& source);
  bool has_skipped(const storage::batch& work) const;

  std::uint64_t bytes_max_;
  std::deque<entry> window_; ///< Newest batches without a gap, as many as fit.
  std::uint64_t bytes_ = 0;
  std::uint64_t next_ = 1; ///< What the window goes on with.
  std::unique_ptr<storage::log_cursor> cursor_;
  storage::batch_ptr read_back_; ///< What the cursor gave last.
  std::map<std::uint64_t, storage::skipped_work> skipped_;
};

} // namespace millrace
