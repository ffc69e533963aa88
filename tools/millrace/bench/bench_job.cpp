#include "bench_job.hpp"

#include "bench_client.hpp"
#include "bench_compare.hpp"
#include "bench_context.hpp"
#include "sync_probe.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/common/shortage.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

constexpr std::size_t batch_inserts = 100;

std::string_view title(bench_kind kind) {
  constexpr std::array<std::string_view, 11> titles{"append", "upsert",   "read",  "mixed",   "latency", "replay",
                                                    "batch",  "overload", "named", "overlap", "migrate"};
  return titles[static_cast<std::size_t>(kind)];
}

std::size_t clients_of(const bench_settings& settings) {
  if (settings.kind == bench_kind::latency || settings.kind == bench_kind::replay) {
    return 1;
  }
  const bool few = settings.kind == bench_kind::batch || settings.kind == bench_kind::migrate;
  const std::size_t usual = few ? 100 : 1'000;
  return settings.clients == 0 ? usual : settings.clients;
}

bool plain(bench_kind kind) {
  return kind == bench_kind::append || kind == bench_kind::upsert || kind == bench_kind::read
         || kind == bench_kind::mixed;
}

/// Why the options do not go together; empty where they do.
std::string contradiction(const bench_settings& settings) {
  if (settings.kill_every_seconds > 0.0 && settings.kind != bench_kind::append && settings.kind != bench_kind::mixed) {
    return "--kill-every goes with the workloads append and mixed.";
  }
  if (!settings.remote.server.empty()
      && (settings.kill_every_seconds > 0.0 || settings.kind == bench_kind::replay
          || settings.kind == bench_kind::overload || settings.kind == bench_kind::overlap
          || settings.kind == bench_kind::migrate)) {
    return "--connect does not go with --kill-every, replay, overload, overlap and migrate, which open the engine "
           "themselves.";
  }
  if (settings.compare && (!plain(settings.kind) || settings.kill_every_seconds > 0.0)) {
    return "--compare goes with the workloads append, upsert, read and mixed, without --kill-every.";
  }
  return {};
}

/// The same with an engine elsewhere, whose server was started with the table.
template <class Work>
int measure_elsewhere(const bench_context& context, caf::actor_system& system, const engine_actor& front,
                      const Work& work) {
  client database{system, front};
  if (const auto there = database.query("SELECT 1 FROM bench LIMIT 1"); !there) {
    return complain("The server has no table to measure with (" + to_string(there.error())
                      + "). Start it with --schema and a file that says: " + bench_schema().sql,
                    exit_code::engine);
  }
  if (const int code = preload(context, database)) {
    return code;
  }
  return work(system, front);
}

/// Opens the engine, fills the table, and lets `work(system, front)` measure.
template <class Work>
int with_engine(const bench_context& context, const Work& work) {
  if (!context.settings.remote.server.empty()) {
    return at_server(context.settings.remote, [&](caf::actor_system& system, const network::remote_engine& target) {
      return measure_elsewhere(context, system, target.front(), work);
    });
  }
  system_config config;
  caf::actor_system system{config};
  auto target = open(system, engine_options(context));
  if (!target) {
    return complain(to_string(target.error()), exit_code::engine);
  }
  if (client database{system, target->front()}; const int code = preload(context, database)) {
    return code;
  }
  return work(system, target->front());
}

/// The stage whose operations the result is about.
int keep(const bench_context& context, const tl::expected<stage_result, int>& stage) {
  if (!stage) {
    return stage.error();
  }
  context.result.seconds += stage->seconds;
  context.result.totals.merge(stage->totals);
  context.result.rss_mib = stage->rss_mib;
  return exit_code::ok;
}

int run_plain(const bench_context& context) {
  return with_engine(context, [&context](caf::actor_system& system, const engine_actor& front) {
    return keep(context, closed_loop(context, system, front, profile_of(context.settings), context.result.clients,
                                     context.settings.seconds, context.result.workload));
  });
}

/// One client at a time against what one sync takes, measured before and after it.
int run_latency(const bench_context& context) {
  const auto before = fdatasync_us(context.scratch);
  if (const int code = run_plain(context)) {
    return code;
  }
  const auto after = fdatasync_us(context.scratch);
  if (!before || !after) {
    return complain(before ? after.error() : before.error(), exit_code::failed);
  }
  const auto sync = (*before + *after) / 2.0;
  const auto limit = 1.5 * sync + 60.0;
  const auto p50 = to_milliseconds(context.result.totals.latencies.percentile(50)) * 1000.0;
  context.result.figures = {
    {"fdatasync_us", "one fdatasync of 4 KiB", sync, fmt::format("{:.0f} µs", sync)},
    {"limit_us", "limit of the p50", limit, fmt::format("{:.0f} µs, 1.5 syncs and 60 µs", limit)},
    {"p50_us", "the p50 is", p50, fmt::format("{:.0f} µs, {:.2f} of the limit", p50, p50 / limit)},
  };
  return exit_code::ok;
}

/// Transactions of many inserts, by one client and by all, then single inserts by all.
int run_batch(const bench_context& context) {
  return with_engine(context, [&context](caf::actor_system& system, const engine_actor& front) {
    auto& result = context.result;
    auto many = profile_of(context.settings);
    many.inserts = batch_inserts;
    const auto stage = [&](const bench_profile& profile, std::size_t clients, const char* what) {
      return closed_loop(context, system, front, profile, clients, context.settings.seconds, what);
    };
    const auto alone = stage(many, 1, "batch, one client");
    if (!alone) {
      return alone.error();
    }
    if (const int code = keep(context, stage(many, result.clients, "batch"))) {
      return code;
    }
    const auto single = stage(profile_of(context.settings), result.clients, "single inserts");
    if (!single) {
      return single.error();
    }
    add_rate(result, "inserts_per_second", "inserts", result.per_second() * static_cast<double>(batch_inserts));
    add_latency(result, "alone_p50_ms", "one client, p50", alone->totals.latencies.percentile(50));
    add_latency(result, "alone_p99_ms", "one client, p99", alone->totals.latencies.percentile(99));
    add_rate(result, "single_per_second", "single inserts", single->per_second());
    add_latency(result, "single_p50_ms", "single insert, p50", single->totals.latencies.percentile(50));
    add_latency(result, "single_p99_ms", "single insert, p99", single->totals.latencies.percentile(99));
    return exit_code::ok;
  });
}

int run_workload(const bench_context& context) {
  if (context.settings.kill_every_seconds > 0.0) {
    return run_killed(context);
  }
  switch (context.settings.kind) {
    case bench_kind::latency:
      return run_latency(context);
    case bench_kind::replay:
      return run_replay(context);
    case bench_kind::batch:
      return run_batch(context);
    case bench_kind::overload:
      return run_overload(context);
    case bench_kind::overlap:
      return run_overlap(context);
    case bench_kind::migrate:
      return run_migrate(context);
    case bench_kind::named:
      return with_engine(context, [&context](caf::actor_system& system, const engine_actor& front) {
        return run_named(context, system, front);
      });
    case bench_kind::append:
    case bench_kind::upsert:
    case bench_kind::read:
    case bench_kind::mixed:
      break;
  }
  return run_plain(context);
}

baseline_task baseline_of(const bench_context& context) {
  const auto& settings = context.settings;
  const auto seconds = settings.compare_seconds > 0.0 ? settings.compare_seconds : std::min(settings.seconds, 5.0);
  const auto profile = profile_of(settings);
  return {.kind = profile.kind,
          .folder = context.scratch,
          .rows = profile.kind == workload::append ? 0 : profile.rows,
          .reads = profile.reads,
          .payload = profile.payload,
          .clients = context.result.clients,
          .duration = std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000.0)}};
}

/// Measures what is to be measured; the result is complete afterwards.
int measure(const bench_context& context) {
  if (const int code = run_workload(context); code != exit_code::ok || !context.settings.compare) {
    return code;
  }
  auto compared = compare(baseline_of(context), context.progress);
  if (interrupted()) {
    return exit_code::interrupted;
  }
  if (!compared) {
    return complain(compared.error(), exit_code::failed);
  }
  context.result.comparison = *compared;
  return exit_code::ok;
}

int report(const bench_settings& settings, const bench_result& result) {
  (settings.json ? print_result_json : print_result)(std::cout, result);
  if (const auto failures = failures_text(result.totals); !failures.empty()) {
    std::cerr << "Failures: " << failures << ".\n";
  }
  const bool measured = result.totals.operations() > 0 || !result.figures.empty();
  return measured && result.sound ? exit_code::ok : exit_code::failed;
}

} // namespace

int run_bench(const bench_settings& settings) {
  if (const auto problem = contradiction(settings); !problem.empty()) {
    return complain(problem, exit_code::usage);
  }
  if (const auto problem = shortage(options{}.read.readers); !problem.empty()) {
    return complain(problem, exit_code::failed);
  }
  const std::filesystem::path chosen = settings.data;
  const auto parent = settings.data.empty() ? scratch_parent() : std::filesystem::absolute(chosen).parent_path();
  catch_interrupts();
  const auto scratch = scratch_folder::make(parent);
  if (!scratch) {
    return complain(scratch.error(), exit_code::usage);
  }
  if (in_memory_file_system(parent)) {
    std::cerr << parent.string()
              << " is kept in memory, where a sync costs nothing: durable figures mean little there. "
              << "Name a folder on a disk with --data or TMPDIR.\n";
  }
  bench_result result;
  result.workload = title(settings.kind);
  result.clients = clients_of(settings);
  progress_line progress{std::chrono::milliseconds{1'000}};
  const bench_context context{settings, chosen.empty() ? scratch->path() / "data" : chosen, scratch->path(), progress,
                              result};
  const int code = measure(context);
  progress.clear();
  if (code == exit_code::ok) {
    return report(settings, result);
  }
  return interrupted() ? exit_code::interrupted : code;
}

} // namespace millrace::tools
