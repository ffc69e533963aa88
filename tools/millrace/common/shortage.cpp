#include "shortage.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

namespace millrace::tools {

namespace {

/// Beside those of readers, which have database, log and shared memory each, and one more for pages: standard streams,
/// folder, lock, log, database and what the actor system wakes its threads by. An engine with two readers had 28 open.
constexpr std::size_t files_of_engine = 32;
constexpr std::size_t files_of_reader = 6;
/// Beside a reader's own one: queue, writer, scrubber, the clock, a connection's two, and what the command watches by.
constexpr std::size_t threads_of_engine = 8;

/// Whether so many threads can be at once.
bool can_have_threads(std::size_t wanted) {
  std::mutex mutex;
  std::condition_variable over;
  auto waiting = true;
  std::vector<std::thread> threads;
  threads.reserve(wanted);
  try {
    while (threads.size() < wanted) {
      threads.emplace_back([&] {
        std::unique_lock lock{mutex};
        over.wait(lock, [&] { return !waiting; });
      });
    }
  } catch (const std::system_error&) {}
  {
    const std::lock_guard lock{mutex};
    waiting = false;
  }
  over.notify_all();
  const auto had = threads.size();
  for (auto& one : threads) {
    one.join();
  }
  return had == wanted;
}

} // namespace

std::size_t allow_files(std::size_t wanted) {
  rlimit allowed{};
  if (::getrlimit(RLIMIT_NOFILE, &allowed) != 0) {
    return wanted;
  }
  if (allowed.rlim_cur < wanted) {
    allowed.rlim_cur = std::min<rlim_t>(wanted, allowed.rlim_max);
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &allowed));
  }
  return allowed.rlim_cur;
}

std::string shortage(std::size_t readers) {
  const auto files = files_of_engine + readers * files_of_reader;
  if (const auto allowed = allow_files(files); allowed < files) {
    return fmt::format("{} files must be open at once, and the process may open {}; allow it more (ulimit -n).", files,
                       allowed);
  }
  const auto threads = std::max<std::size_t>(4, std::thread::hardware_concurrency()) + threads_of_engine + readers;
  return can_have_threads(threads)
           ? ""
           : fmt::format(
             "{} threads must run at once, but the system does not let this user start as many now; allow "
             "it more (ulimit -u), or end something.",
             threads);
}

} // namespace millrace::tools
