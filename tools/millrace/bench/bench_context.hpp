#pragma once

#include "bench_job.hpp"
#include "bench_report.hpp"
#include "bench_run.hpp"
#include "bench_stage.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/tools/millrace/common/console.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include <caf/fwd.hpp>
#include <tl/expected.hpp>

/// What the workloads of `millrace bench` share. Their functions return an exit code; anything but `ok` ends the
/// benchmark, and what there is to say was said.
namespace millrace::tools {

struct bench_context {
  const bench_settings& settings;
  std::filesystem::path data;    ///< The engine's folder.
  std::filesystem::path scratch; ///< Exists, on the same disk; removed afterwards.
  progress_line& progress;
  bench_result& result;
};

/// The operations that a workload consists of.
workload operations_of(bench_kind kind);

bench_profile profile_of(const bench_settings& settings);

/// An engine on the folder, with the table `bench`.
options engine_options(const bench_context& context);

/// Fills rows 1 to `--rows` where they are missing and the workload wants them.
int preload(const bench_context& context, client& database);

/// One stage of clients in a closed loop. The error is an exit code.
[[nodiscard]] tl::expected<stage_result, int> closed_loop(const bench_context& context, caf::actor_system& system,
                                                          const engine_actor& front, bench_profile profile,
                                                          std::size_t clients, double seconds,
                                                          const std::string& title);

/// What a stage came to, unless its engine fell silent; then the error is an exit code, too.
[[nodiscard]] tl::expected<stage_result, int> finished(tl::expected<stage_result, int> measured);

/// Adds a figure in milliseconds, or one per second.
void add_latency(bench_result& result, std::string key, std::string title, std::chrono::nanoseconds latency);
void add_rate(bench_result& result, std::string key, std::string title, double per_second);

/// Appends with named transactions and without, in short turns.
int run_named(const bench_context& context, caf::actor_system& system, const engine_actor& front);
/// Replays a log of unapplied transactions.
int run_replay(const bench_context& context);
/// Offers more than the engine can do.
int run_overload(const bench_context& context);
/// Upserts beside queries that overlap, so that an older state is read at every moment.
int run_overlap(const bench_context& context);
/// Changes the schema of the table and all of its rows, then its rows in parts beside upserts.
int run_migrate(const bench_context& context);
/// Kills actors under the clients' hands and checks what remains.
int run_killed(const bench_context& context);

} // namespace millrace::tools
