#include "bench_killer.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace millrace::tools {

bench_killer::bench_killer(const engine& target, std::size_t readers, std::chrono::milliseconds period)
  : target_(target), victims_{"queue", "writer", "monitor"}, period_(period) {
  for (std::size_t reader = 1; reader <= readers; ++reader) {
    victims_.push_back("reader-" + std::to_string(reader));
  }
  thread_ = std::thread{[this] { work(); }};
}

bench_killer::~bench_killer() {
  stop();
}

std::uint64_t bench_killer::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  return kills_;
}

void bench_killer::work() {
  std::unique_lock lock{mutex_};
  while (!stopped_.wait_for(lock, period_, [this] { return stopping_; })) {
    const auto choice = std::uniform_int_distribution<std::size_t>{0, victims_.size() - 1}(random_);
    // Null while it is being restarted: then this kill is left out.
    if (const auto victim = target_.child(victims_[choice])) {
      caf::anon_send_exit(victim, caf::exit_reason::kill);
      ++kills_;
    }
  }
}

} // namespace millrace::tools
