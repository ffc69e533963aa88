#include "group_commit.hpp"

#include <exception>
#include <utility>

namespace millrace::tools {

bool group_commit::submit() {
  waiting_client mine;
  {
    const std::lock_guard lock{mutex_};
    if (broken_) {
      return false;
    }
    waiting_.push_back(&mine);
    changed_.notify_one();
  }
  mine.answered.acquire();
  return mine.committed;
}

void group_commit::leave() {
  const std::lock_guard lock{mutex_};
  --clients_;
  changed_.notify_one();
}

void group_commit::serve(const std::function<void(std::size_t)>& commit) {
  for (auto group = next_group(); !group.empty(); group = next_group()) {
    std::exception_ptr problem;
    try {
      commit(group.size());
    } catch (...) {
      problem = std::current_exception();
    }
    for (auto* const client : group) {
      client->committed = problem == nullptr;
      client->answered.release();
    }
    if (problem) {
      break_off();
      std::rethrow_exception(problem);
    }
  }
}

/// All that wait, as soon as anybody does; nobody once all have left.
std::vector<group_commit::waiting_client*> group_commit::next_group() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !waiting_.empty() || clients_ == 0; });
  return std::exchange(waiting_, {});
}

void group_commit::break_off() {
  const std::lock_guard lock{mutex_};
  broken_ = true;
  for (auto* const client : std::exchange(waiting_, {})) {
    client->answered.release();
  }
}

} // namespace millrace::tools
