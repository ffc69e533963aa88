#include "power_loss_experiment.hpp"

#include "power_loss_workload.hpp"

#include <millrace/tests/support/temporary_folder.hpp>

#include <cerrno>
#include <system_error>
#include <thread>

#include <sched.h>

namespace millrace::test {

namespace {

/// One image in so many has a second power loss.
constexpr std::uint64_t twice_every = 4;

/// The cores that this process may use.
std::vector<int> allowed_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    throw std::system_error{errno, std::generic_category(), "sched_getaffinity"};
  }
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) {
      cores.push_back(core);
    }
  }
  return cores;
}

/// Keeps this thread and all that it starts on one core: a recovery is many small steps of threads that wait for each
/// other, and to wake one on another core costs more than the step. Where that is refused, it is only slower.
void stay_on(int core) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  static_cast<void>(sched_setaffinity(0, sizeof only, &only));
}

power_loss_rows rows_of(const std::vector<disk_event>& events) {
  const temporary_folder scratch{fast_place()};
  disk_model disk;
  for (const auto& event : events) {
    disk.apply(event);
  }
  const auto data = scratch.path() / "data";
  make_data_folder(data);
  write_image(disk.everything(), data);
  return power_loss_rows::read(data / "database.sqlite3");
}

} // namespace

power_loss_experiment::tally& power_loss_experiment::tally::operator+=(const tally& other) {
  recordings += other.recordings;
  events += other.events;
  answers += other.answers;
  images += other.images;
  unsynced += other.unsynced;
  twice += other.twice;
  failures += other.failures;
  if (!found) {
    found = other.found;
  }
  return *this;
}

power_loss_experiment::power_loss_experiment(recording_observer& observer, std::vector<disk_event> events,
                                             std::uint64_t seed, std::uint64_t images)
  : observer_(observer), events_(std::move(events)), seed_(seed), images_(images), truth_(events_, rows_of(events_)) {}

power_loss_experiment::tally power_loss_experiment::begun() const {
  tally result;
  result.recordings = 1;
  result.events = events_.size();
  result.answers = truth_.answers();
  return result;
}

power_loss_experiment::tally power_loss_experiment::run() const {
  const auto cores = allowed_cores();
  std::atomic<bool> stop = false;
  std::vector<tally> results(cores.size());
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < cores.size(); ++worker) {
    threads.emplace_back([&, worker] {
      stay_on(cores[worker]);
      results[worker] = run_some(worker, images_, cores.size(), stop);
    });
  }
  auto total = begun();
  for (std::size_t worker = 0; worker < cores.size(); ++worker) {
    threads[worker].join();
    total += results[worker];
  }
  return total;
}

power_loss_experiment::tally power_loss_experiment::run_only(std::uint64_t image) const {
  std::atomic<bool> stop = false;
  auto total = begun();
  total += run_some(image, image + 1, 1, stop);
  return total;
}

power_loss_experiment::tally power_loss_experiment::run_some(std::uint64_t first, std::uint64_t end, std::uint64_t step,
                                                             std::atomic<bool>& stop) const {
  const temporary_folder scratch{fast_place()};
  power_loss_checker checker{truth_, observer_, scratch.path()};
  disk_model disk;
  std::size_t applied = 0;
  tally result;
  for (auto image = first; image < end && !stop; image += step) {
    std::mt19937_64 random{seed_ * 1'000'003 + image};
    const auto point = point_of(image, random);
    for (; applied < point; ++applied) {
      disk.apply(events_[applied]);
    }
    const bool twice = random() % twice_every == 0;
    const auto left = disk.lose_power(random);
    auto problem = twice ? checker.check_twice(left, point, random) : checker.check(left, point);
    ++result.images;
    result.twice += twice ? 1 : 0;
    result.unsynced += disk.unsynced();
    if (problem) {
      stop = true;
      ++result.failures;
      result.found = finding{image, point, std::move(*problem)};
    }
  }
  return result;
}

/// They rise with the image, so that one disk that goes on serves them all.
std::size_t power_loss_experiment::point_of(std::uint64_t image, std::mt19937_64& random) const {
  const auto begin = events_.size() * image / images_;
  const auto end = events_.size() * (image + 1) / images_;
  return begin + random() % (end - begin + 1);
}

std::vector<disk_event> record_power_loss_run(recording_observer& observer, std::uint64_t seed,
                                              std::uint64_t transactions, missing_sync missing) {
  const temporary_folder scratch{fast_place()};
  const auto data = scratch.path() / "data";
  make_data_folder(data);
  recording notes{data};
  const recording_observer::part part{observer, notes};
  run_power_loss_work(data, notes, seed, transactions, missing);
  return notes.take_events();
}

} // namespace millrace::test
