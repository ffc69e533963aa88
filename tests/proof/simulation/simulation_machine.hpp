#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>

namespace millrace::test {

/// A machine without time or chance of its own: while one lives, whatever runs in its thread (the engine, CAF, SQLite)
/// reads its clocks, draws its random numbers, and sleeps by moving its time on. The program's own `clock_gettime`,
/// `getrandom`, `nanosleep`, … come before the C library's, so the engine is tested as it is. Other threads are left
/// alone. One at a time in a thread.
class simulation_machine {
public:
  using monotonic_time = std::chrono::steady_clock::time_point;

  explicit simulation_machine(std::uint64_t seed);
  simulation_machine(const simulation_machine&) = delete;
  simulation_machine& operator=(const simulation_machine&) = delete;
  ~simulation_machine();

  /// The one that this thread runs on; null where that is the real one.
  static simulation_machine* here() noexcept;

  monotonic_time now() const noexcept { return monotonic_time{since_start_}; }
  std::chrono::nanoseconds wall_clock() const noexcept { return since_start_ + wall_ahead_; }
  void pass(std::chrono::nanoseconds time) noexcept { since_start_ += time; }

  /// Sets the wall clock forwards or backwards; the monotonic one never hears of it.
  void set_wall_clock_by(std::chrono::nanoseconds jump) noexcept { wall_ahead_ += jump; }

  void fill(void* bytes, std::size_t count) noexcept;

  /// So long is what tells a log of SQLite's from the one before it in the same file (walformat.html §2.1).
  static constexpr std::size_t log_header_bytes = 32;
  /// Takes note that the file was synced, where it is such a log with a frame of its own in it.
  void synced(int descriptor);
  /// Whether one with this header was.
  bool has_synced(const std::string& header) const { return synced_.contains(header); }

private:
  std::chrono::nanoseconds since_start_{std::chrono::hours{1}};
  std::chrono::nanoseconds wall_ahead_;
  std::mt19937_64 random_;
  std::set<std::string> synced_;
};

} // namespace millrace::test
