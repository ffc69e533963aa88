#include "bench_job.hpp"

#include "bench_client.hpp"
#include "bench_compare.hpp"
#include "bench_report.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "process.hpp"

#include <millrace/actors/client.hpp>
#include <millrace/actors/engine.hpp>
#include <millrace/messages/registry.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace millrace::tools {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds poll_interval{20};
constexpr std::chrono::milliseconds line_interval{1'000};
/// Without any answer for so long the engine is given up.
constexpr std::chrono::seconds silence_max{60};
constexpr std::uint64_t preload_rows = 20'000;

int complain(const std::string& sentence, int code) {
  std::cerr << sentence << '\n';
  return code;
}

clock::duration seconds_of(double seconds) {
  return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>{seconds});
}

std::string_view title(workload kind) {
  switch (kind) {
    case workload::append:
      return "append";
    case workload::upsert:
      return "upsert";
    case workload::read:
      return "read";
    case workload::mixed:
      break;
  }
  return "mixed";
}

std::uint64_t rows_needed(const bench_settings& settings) {
  return settings.workload == workload::append ? 0 : settings.rows;
}

/// The engine's part of a benchmark.
class bench_job {
public:
  bench_job(const bench_settings& settings, std::filesystem::path data);

  /// Anything but `ok` ends the benchmark; what there is to say was said.
  int run();

  bench_result& result() noexcept { return result_; }
  progress_line& progress() noexcept { return progress_; }

private:
  int measure(caf::actor_system& system, engine& target);
  int preload(client& database);
  void spawn_clients(caf::actor_system& system, engine& target);
  bool pass(clock::duration duration, std::string_view phase);
  bool finish_clients();
  void show(std::string_view phase);

  const bench_settings& settings_;
  std::filesystem::path data_;
  std::shared_ptr<bench_run> run_;
  progress_line progress_{line_interval};
  std::vector<caf::actor> actors_;
  clock::time_point rate_since_ = clock::now();
  std::uint64_t rate_base_ = 0;
  double rate_ = 0.0;
  bench_result result_;
};

bench_profile profile_of(const bench_settings& settings) {
  bench_profile profile;
  profile.kind = settings.workload;
  profile.rows = settings.rows;
  profile.reads = settings.reads;
  profile.payload.assign(settings.payload_bytes, 'm');
  if (settings.timeout_seconds > 0.0) {
    profile.timeout = caf::duration{std::chrono::milliseconds{static_cast<int>(settings.timeout_seconds * 1000.0)}};
  }
  return profile;
}

bench_job::bench_job(const bench_settings& settings, std::filesystem::path data)
  : settings_(settings), data_(std::move(data)), run_(std::make_shared<bench_run>(profile_of(settings))) {
  result_.workload = title(settings.workload);
  result_.clients = settings.clients;
}

int bench_job::run() {
  options engine_options;
  engine_options.data = data_;
  engine_options.create_if_missing = true;
  engine_options.scripts.push_back({"bench", "CREATE TABLE bench(id INTEGER PRIMARY KEY, payload TEXT)"});
  system_config config;
  caf::actor_system system{config};
  auto target = open(system, engine_options);
  if (!target) {
    return complain(to_string(target.error()), exit_code::engine);
  }
  return measure(system, *target);
}

int bench_job::measure(caf::actor_system& system, engine& target) {
  if (client database{system, target.front()}; rows_needed(settings_) > 0) {
    if (const int code = preload(database); code != exit_code::ok) {
      return code;
    }
  }
  const auto warm_up = std::clamp(settings_.seconds * 0.1, 1.0, 5.0);
  spawn_clients(system, target);
  bool answering = pass(seconds_of(warm_up), "warming up  ");
  const auto start = clock::now();
  run_->enter(bench_phase::measured);
  answering = answering && pass(seconds_of(settings_.seconds), "");
  run_->enter(bench_phase::over);
  result_.seconds = std::chrono::duration<double>{clock::now() - start}.count();
  result_.rss_mib = rss_mib();
  answering = finish_clients() && answering;
  progress_.clear();
  if (interrupted()) {
    return exit_code::interrupted;
  }
  if (!answering) {
    return complain("The engine gave no answer for too long; the benchmark was given up.", exit_code::engine);
  }
  result_.totals = run_->totals();
  return exit_code::ok;
}

/// Fills rows 1 to `rows` where they are missing.
int bench_job::preload(client& database) {
  const auto rows = rows_needed(settings_);
  const auto there = database.query("SELECT count(*) FROM bench WHERE id BETWEEN 1 AND ?1", rows);
  if (there && (*there)[0][std::size_t{0}].as_integer() == static_cast<std::int64_t>(rows)) {
    return exit_code::ok;
  }
  for (std::uint64_t first = 1; first <= rows; first += preload_rows) {
    const auto last = std::min(rows, first + preload_rows - 1);
    const auto done = database.execute(
      "INSERT OR IGNORE INTO bench(id, payload) WITH RECURSIVE n(i) AS (SELECT ?1 UNION "
      "ALL SELECT i + 1 FROM n WHERE i < ?2) SELECT i, ?3 FROM n",
      first, last, run_->profile().payload);
    if (!done) {
      return complain("The table could not be filled: " + to_string(done.error()), exit_code::engine);
    }
    if (interrupted()) {
      return exit_code::interrupted;
    }
    progress_.update("filling  " + grouped(last) + " rows", static_cast<double>(last) / static_cast<double>(rows));
  }
  return exit_code::ok;
}

void bench_job::spawn_clients(caf::actor_system& system, engine& target) {
  for (std::size_t i = 0; i < settings_.clients; ++i) {
    run_->clients.add();
    actors_.push_back(system.spawn(bench_client, run_, target.front()));
  }
}

/// Lets the clients work. False where the engine stopped answering or the user wants to stop.
bool bench_job::pass(clock::duration duration, std::string_view phase) {
  const auto deadline = clock::now() + duration;
  auto last_change = clock::now();
  auto answered = run_->answered();
  for (auto now = clock::now(); now < deadline && !interrupted(); now = clock::now()) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
    run_->clients.wait_empty(std::min(poll_interval, rest));
    show(phase);
    if (const auto so_far = run_->answered(); so_far != answered) {
      answered = so_far;
      last_change = clock::now();
    }
    if (clock::now() - last_change > silence_max) {
      return false;
    }
  }
  return !interrupted();
}

/// Waits for what is outstanding. Whether all of it was answered.
bool bench_job::finish_clients() {
  if (run_->clients.wait_empty(silence_max)) {
    return true;
  }
  for (const auto& actor : actors_) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  }
  run_->clients.wait_empty(silence_max);
  return false;
}

void bench_job::show(std::string_view phase) {
  const auto now = clock::now();
  if (now - rate_since_ >= line_interval) {
    const auto answered = run_->answered();
    rate_ = static_cast<double>(answered - rate_base_) / std::chrono::duration<double>{now - rate_since_}.count();
    rate_base_ = answered;
    rate_since_ = now;
  }
  progress_.update(fmt::format("{}{} {}/s  {:.0f} MiB", phase, title(settings_.workload), rate_text(rate_), rss_mib()));
}

baseline_task baseline_of(const bench_settings& settings, const std::filesystem::path& folder) {
  const auto seconds = settings.compare_seconds > 0.0 ? settings.compare_seconds : std::min(settings.seconds, 5.0);
  return {.kind = settings.workload,
          .folder = folder,
          .rows = rows_needed(settings),
          .reads = settings.reads,
          .payload = std::string(settings.payload_bytes, 'm'),
          .duration = std::chrono::duration_cast<std::chrono::milliseconds>(seconds_of(seconds))};
}

} // namespace

int run_bench(const bench_settings& settings) {
  const std::filesystem::path chosen = settings.data;
  const auto parent = settings.data.empty() ? scratch_parent() : std::filesystem::absolute(chosen).parent_path();
  catch_interrupts();
  std::optional<scratch_folder> scratch;
  if (settings.data.empty() || settings.compare) {
    auto made = scratch_folder::make(parent);
    if (!made) {
      return complain(made.error(), exit_code::usage);
    }
    scratch = std::move(*made);
  }
  if (in_memory_file_system(parent)) {
    std::cerr << parent.string()
              << " is kept in memory, where a sync costs nothing: durable figures mean little there. "
              << "Name a folder on a disk with --data or TMPDIR.\n";
  }
  bench_job job{settings, settings.data.empty() ? scratch->path() / "data" : chosen};
  if (const int code = job.run(); code != exit_code::ok) {
    return code;
  }
  if (settings.compare) {
    auto compared = compare(baseline_of(settings, scratch->path()), job.progress());
    if (interrupted()) {
      return exit_code::interrupted;
    }
    if (!compared) {
      return complain(compared.error(), exit_code::failed);
    }
    job.result().comparison = *compared;
  }
  job.progress().clear();
  (settings.json ? print_result_json : print_result)(std::cout, job.result());
  if (const auto failures = failures_text(job.result().totals); !failures.empty()) {
    std::cerr << "Failures: " << failures << ".\n";
  }
  return job.result().totals.operations() == 0 ? exit_code::failed : exit_code::ok;
}

} // namespace millrace::tools
