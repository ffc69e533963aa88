#pragma once

#include "simulated_disk.hpp"
#include "simulation_history.hpp"
#include "simulation_life.hpp"
#include "simulation_machine.hpp"

#include <millrace/tests/support/storage/plain_connection.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test::simulated {

/// What a run came to.
struct result {
  std::uint64_t trace = 0; ///< Hash of every answer in order, of the clock, and of what the database held in the end.
  std::vector<std::string> complaints;
  std::map<std::string, std::uint64_t> counts; ///< What was injected and answered, by name.
};

/// A whole engine with its clients, in one thread, on a machine whose time, chance and power are the seed's: what is
/// sent, who runs next, how long everything takes, what is killed, locked, full, set to another time or cut off.
class run {
public:
  /// Its files go into `folder`, which is there and empty.
  run(std::uint64_t seed, std::filesystem::path folder);
  run(const run&) = delete;
  run& operator=(const run&) = delete;
  ~run();

  result play();

private:
  enum class ending { process_died, power_lost };

  // Lives.
  bool begin();
  void play_life(bool last);
  void crash(ending how);
  void settle();
  void finish();
  options settings();

  // What happens.
  void act();
  void write_something();
  void write_one(write wanted, bool to_courier);
  std::uint64_t newest_told() const;
  void send(write& one, const transaction& work, bool to_courier);
  void resend();
  void read_something();
  void read_on();
  void operate();
  void kill();
  void lock_or_unlock();
  void interfere();
  void set_clock();
  void change_disk();

  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  bool chance(std::uint64_t one_in) { return draw(one_in) == 0; }
  void count(const char* what) { ++counts_[what]; }
  std::filesystem::path data() const { return folder_ / "data"; }
  std::filesystem::path database() const { return data() / "database.sqlite3"; }
  void read_rows();
  std::uint64_t trace() const;

  static constexpr std::size_t clients = 3;
  struct named_work {
    std::size_t write = 0; ///< Its place in the history.
    transaction work;
  };

  std::filesystem::path folder_;
  simulation_machine machine_;
  std::mt19937_64 random_;
  options settings_;
  std::unique_ptr<simulated_disk> disk_;
  std::unique_ptr<life> now_;
  std::unique_ptr<plain_connection> stranger_; ///< Holds the database's lock where it is there.
  bool crashed_ = false;
  std::optional<memory_file_system> left_; ///< By a life that was cut off, for the next one.

  history seen_;
  std::array<std::int64_t, clients> last_number_{};
  std::array<uuid, clients> names_{};
  std::vector<named_work> named_;
  std::map<std::string, std::uint64_t> counts_;
};

} // namespace millrace::test::simulated
