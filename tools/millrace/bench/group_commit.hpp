#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <semaphore>
#include <vector>

namespace millrace::tools {

/// Group commit as one writes it by hand: clients, a thread each, wait in a queue, and one thread commits for all that
/// wait at once.
class group_commit {
public:
  /// So many clients take part.
  explicit group_commit(std::size_t clients) : clients_(clients) {}

  /// Has one operation done; returns when it is committed. False where the committer failed. Called by clients.
  bool submit();

  /// Called by each client once, when it has nothing more to submit.
  void leave();

  /// Commits for the clients, in the thread that calls it, until all have left: `commit(count)` does the operations of
  /// so many. What it throws comes out of here, after all clients were let go.
  void serve(const std::function<void(std::size_t)>& commit);

private:
  struct waiting_client {
    std::binary_semaphore answered{0};
    bool committed = false;
  };

  std::vector<waiting_client*> next_group();
  void break_off();

  std::mutex mutex_; ///< Guards all below.
  std::condition_variable changed_;
  std::vector<waiting_client*> waiting_;
  std::size_t clients_;
  bool broken_ = false;
};

} // namespace millrace::tools
