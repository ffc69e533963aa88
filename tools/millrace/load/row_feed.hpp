#pragma once

#include "row_source.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <caf/actor.hpp>
#include <caf/atom.hpp>
#include <tl/expected.hpp>

namespace millrace::tools {

/// Sent to who asked a `row_feed` in vain: now it may be worth while.
using more_rows = caf::atom_constant<caf::atom("more_rows")>;

/// Why there is no row.
enum class no_row {
  yet,      ///< One may come.
  any_more, ///< None will come.
};

/// Reads rows ahead in a thread of its own, some thousand or a few MiB, so that no actor waits for a pipe. Any thread.
class row_feed {
public:
  explicit row_feed(std::unique_ptr<row_source> source);
  ~row_feed();
  row_feed(const row_feed&) = delete;
  row_feed& operator=(const row_feed&) = delete;

  /// The next row in the order of the file, malformed ones included. Where there is none yet, `asker` gets `more_rows`
  /// once there may be one, or none any more.
  [[nodiscard]] tl::expected<record, no_row> next(const caf::actor& asker);

  /// No more rows are handed out.
  void stop();

  /// Why the file could not be read to its end; empty where it could, or was not yet.
  std::string problem() const;

  /// How much of the file was taken, 0 to 1.
  double share() const;

private:
  struct ready_row {
    record row;
    double share = 0.0; ///< How much of the file was read with it.
  };

  void read_all();
  bool half_empty() const noexcept;
  bool add(record row, double share);
  void finish(std::string problem);

  const std::unique_ptr<row_source> source_; ///< The thread's.
  mutable std::mutex mutex_;
  std::condition_variable has_room_;
  std::deque<ready_row> ready_;
  std::size_t ready_bytes_ = 0;
  bool over_ = false; ///< Whether nothing is added any more.
  double share_ = 0.0;
  std::string problem_;
  std::vector<caf::actor> waiting_;
  std::thread reader_;
};

} // namespace millrace::tools
