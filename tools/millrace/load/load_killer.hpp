#pragma once

#include "load_run.hpp"

#include <millrace/actors/engine/engine.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <caf/actor.hpp>

namespace millrace::tools {

/// Kills actors of the engine at random moments of a load, told by how much of the file was taken. Works on a thread
/// of its own.
class load_killer {
public:
  /// Both must outlive the killer. Readers are killed in turn.
  load_killer(const engine& target, load_run& run, unsigned writer_kills, unsigned reader_kills, std::size_t readers);
  load_killer(const load_killer&) = delete;
  load_killer& operator=(const load_killer&) = delete;
  ~load_killer();

  /// Ends it; kills that were still ahead do not happen.
  void stop();

  /// How many died by its hand. Settled after `stop`.
  unsigned writer_kills() const noexcept { return writer_kills_; }
  unsigned reader_kills() const noexcept { return reader_kills_; }

private:
  struct appointment {
    double share;
    std::string id;
  };

  void work();
  void kill(const std::string& id);
  void pause() const;

  const engine& target_;
  load_run& run_;
  std::vector<appointment> appointments_;
  std::atomic<bool> stopping_ = false;
  std::atomic<unsigned> writer_kills_ = 0;
  std::atomic<unsigned> reader_kills_ = 0;
  std::thread thread_;
};

} // namespace millrace::tools
