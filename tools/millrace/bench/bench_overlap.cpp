#include "bench_client.hpp"
#include "bench_context.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

/// So that an engine that refuses queries is not asked in a spin.
constexpr std::chrono::milliseconds pause{5};
/// With what SQLite keeps of it.
constexpr std::uint64_t bytes_per_page = 4'096 + 24;

/// As long as a reader may hold a snapshot that is in the way, where there is time for some of them.
std::chrono::milliseconds query_time(const bench_context& context) {
  const auto share = static_cast<std::chrono::milliseconds::rep>(context.settings.seconds * 1'000.0 / 4.0);
  return std::clamp(std::chrono::milliseconds{share}, std::chrono::milliseconds{1}, read_options{}.lease);
}

/// Two threads whose queries take their whole time, one beginning in the midst of the other's, so that an older state
/// is read at every moment.
class overlapping_queries {
public:
  overlapping_queries(caf::actor_system& system, const engine_actor& front, std::chrono::milliseconds each) {
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      const auto late = each * i / threads_.size();
      threads_[i] = std::jthread{
        [&system, front, each, late](const std::stop_token& ended) { ask(system, front, each, late, ended); }};
    }
  }

private:
  static void ask(caf::actor_system& system, const engine_actor& front, std::chrono::milliseconds each,
                  std::chrono::milliseconds late, const std::stop_token& ended) {
    client database{system, front};
    std::this_thread::sleep_for(late);
    while (!ended.stop_requested()) {
      auto question = select("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c");
      question.deadline = each;
      if (const auto done = database.query(std::move(question));
          !done && done.error().code != errc::deadline_exceeded) {
        std::this_thread::sleep_for(pause);
      }
    }
  }

  std::array<std::jthread, 2> threads_;
};

/// How large a file, or all files of a folder, became.
class peak {
public:
  explicit peak(std::filesystem::path place) : place_(std::move(place)) {}

  void look() {
    std::error_code gone; // Segments come and go.
    std::uintmax_t bytes = 0;
    if (std::filesystem::is_directory(place_, gone)) {
      for (std::filesystem::directory_iterator at{place_, gone}; !gone && at != std::filesystem::directory_iterator{};
           at.increment(gone)) {
        std::error_code ended;
        const auto size = at->file_size(ended);
        bytes += ended ? 0 : size;
      }
    } else if (const auto size = std::filesystem::file_size(place_, gone); !gone) {
      bytes = size;
    }
    bytes_ = std::max(bytes_, bytes);
  }

  std::uintmax_t bytes() const noexcept { return bytes_; }

private:
  std::filesystem::path place_;
  std::uintmax_t bytes_ = 0;
};

void add_size(bench_result& result, std::string key, std::string title, std::uintmax_t bytes) {
  const auto mib = static_cast<double>(bytes) / (1024.0 * 1024.0);
  result.figures.push_back({std::move(key), std::move(title), mib, fmt::format("{:.0f} MiB", mib)});
}

} // namespace

int run_overlap(const bench_context& context) {
  system_config config;
  caf::actor_system system{config};
  const auto settings = engine_options(context);
  auto target = open(system, settings);
  if (!target) {
    return complain(to_string(target.error()), exit_code::engine);
  }
  if (client database{system, target->front()}; const int code = preload(context, database)) {
    return code;
  }
  auto& result = context.result;
  peak journal{context.data / "database.sqlite3-wal"};
  peak log{context.data / "queue"};
  const auto run = std::make_shared<bench_run>(profile_of(context.settings));
  bench_stage stage{run, result.workload, context.progress};
  const auto measured = [&] {
    const overlapping_queries asking{system, target->front(), query_time(context)};
    return finished(stage.measure(
      result.clients, context.settings.seconds, [&] { return system.spawn(bench_client, run, target->front()); },
      [&] {
        journal.look();
        log.look();
      }));
  }();
  if (!measured) {
    return measured.error();
  }
  result.seconds = measured->seconds;
  result.totals = measured->totals;
  result.rss_mib = measured->rss_mib;
  add_size(result, "wal_bound_mib", "bound of SQLite's log", settings.write.wal_pages_max * bytes_per_page);
  add_size(result, "wal_peak_mib", "SQLite's log, at most", journal.bytes());
  add_size(result, "queue_peak_mib", "the queue's log, at most", log.bytes());
  return exit_code::ok;
}

} // namespace millrace::tools
