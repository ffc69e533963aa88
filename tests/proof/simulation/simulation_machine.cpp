#include "simulation_machine.hpp"

#include <millrace/tests/proof/failing/failing_calls.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <random>
#include <system_error>
#include <utility>

#include <dlfcn.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace millrace::test {

namespace {

thread_local simulation_machine* current = nullptr;

/// 2026-01-01.
constexpr std::chrono::seconds first_day{1'767'225'600};

/// The C library's function that ours comes before.
template <class Function>
Function* real(const char* name, Function* /*ours*/) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::chrono::nanoseconds length(const timespec& time) noexcept {
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

} // namespace

simulation_machine::simulation_machine(std::uint64_t seed) : wall_ahead_(first_day), random_(seed) {
  current = this;
  synced_file = [](int descriptor) { current->synced(descriptor); };
}

simulation_machine::~simulation_machine() {
  synced_file = nullptr;
  current = nullptr;
}

simulation_machine* simulation_machine::here() noexcept {
  return current;
}

void simulation_machine::fill(void* bytes, std::size_t count) noexcept {
  auto* at = static_cast<char*>(bytes);
  while (count > 0) {
    const auto bits = random_();
    const auto size = std::min(count, sizeof bits);
    std::memcpy(at, &bits, size);
    at += size;
    count -= size;
  }
}

void simulation_machine::synced(int descriptor) {
  constexpr std::size_t salts_in_header = 16;
  constexpr std::size_t salts_in_frame = log_header_bytes + 8;
  constexpr std::size_t salts_bytes = 8;
  std::string begin(salts_in_frame + salts_bytes, '\0');
  const auto given = ::pread(descriptor, begin.data(), begin.size(), 0);
  // SQLite syncs the header of a new log before it has any frame.
  if (given == static_cast<ssize_t>(begin.size())
      && begin.compare(salts_in_header, salts_bytes, begin, salts_in_frame, salts_bytes) == 0) {
    synced_.insert(begin.substr(0, log_header_bytes));
  }
}

} // namespace millrace::test

using millrace::test::real;
using millrace::test::simulation_machine;

extern "C" {

int clock_gettime(clockid_t clock, timespec* into) noexcept {
  const auto* machine = simulation_machine::here();
  if (machine == nullptr) {
    static const auto machines_own = real("clock_gettime", &clock_gettime);
    return machines_own(clock, into);
  }
  const auto time = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? machine->wall_clock()
                                                                              : machine->now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  into->tv_sec = seconds.count();
  into->tv_nsec = (time - seconds).count();
  return 0;
}

int gettimeofday(timeval* into, void* zone) noexcept {
  timespec time{};
  if (simulation_machine::here() == nullptr) {
    static const auto machines_own = real("gettimeofday", &gettimeofday);
    return machines_own(into, zone);
  }
  clock_gettime(CLOCK_REALTIME, &time);
  into->tv_sec = time.tv_sec;
  into->tv_usec = time.tv_nsec / 1'000;
  return 0;
}

time_t time(time_t* into) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) {
    *into = now.tv_sec;
  }
  return now.tv_sec;
}

int nanosleep(const timespec* length, timespec* left) {
  auto* machine = simulation_machine::here();
  if (machine == nullptr) {
    static const auto machines_own = real("nanosleep", &nanosleep);
    return machines_own(length, left);
  }
  machine->pass(millrace::test::length(*length));
  return 0;
}

int usleep(useconds_t microseconds) {
  const timespec length{static_cast<time_t>(microseconds / 1'000'000),
                        static_cast<long>(microseconds % 1'000'000) * 1'000};
  return nanosleep(&length, nullptr);
}

ssize_t getrandom(void* bytes, size_t count, unsigned flags) {
  if (auto* machine = simulation_machine::here()) {
    machine->fill(bytes, count);
    return static_cast<ssize_t>(count);
  }
  return ::syscall(SYS_getrandom, bytes, count, flags);
}

} // extern "C"

/// Of libstdc++, which asks the processor.
std::random_device::result_type std::random_device::_M_getval() {
  result_type bits = 0;
  if (getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    throw std::system_error{errno, std::generic_category(), "drawing a random number"};
  }
  return bits;
}
