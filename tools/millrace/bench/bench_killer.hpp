#pragma once

#include <millrace/actors/engine/engine.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace millrace::tools {

/// Kills an actor of the engine at regular intervals, a random one of the writer, the queue, the monitor and the
/// readers. Works on a thread of its own.
class bench_killer {
public:
  /// `target` must outlive the killer.
  bench_killer(const engine& target, std::size_t readers, std::chrono::milliseconds period);
  bench_killer(const bench_killer&) = delete;
  bench_killer& operator=(const bench_killer&) = delete;
  ~bench_killer();

  /// Ends it. Gives the number of actors that died by its hand.
  std::uint64_t stop();

private:
  void work();

  const engine& target_;
  std::vector<std::string> victims_;
  std::chrono::milliseconds period_;
  std::mt19937 random_{std::random_device{}()};
  std::mutex mutex_; ///< Guards the next two.
  bool stopping_ = false;
  std::uint64_t kills_ = 0;
  std::condition_variable stopped_;
  std::thread thread_;
};

} // namespace millrace::tools
