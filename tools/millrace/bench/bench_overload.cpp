#include "bench_context.hpp"
#include "bench_open_client.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/process.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

/// How much is offered, as a multiple of what the engine can do.
constexpr double overload = 2.0;
/// So few that their timers cost nothing beside the requests.
constexpr std::size_t open_clients_max = 100;

tl::expected<stage_result, int> measure_maximum(const bench_context& context) {
  system_config config;
  caf::actor_system system{config};
  auto target = open(system, engine_options(context));
  if (!target) {
    return tl::unexpected{complain(to_string(target.error()), exit_code::engine)};
  }
  return closed_loop(context, system, target->front(), profile_of(context.settings), context.result.clients,
                     context.settings.seconds, "the maximum");
}

/// The engine takes as many at once as the closed loop had on their way.
tl::expected<stage_result, int> measure_overload(const bench_context& context, const std::shared_ptr<bench_run>& run,
                                                 double offered_per_second) {
  system_config config;
  caf::actor_system system{config};
  auto settings = engine_options(context);
  settings.admission.inflight_transactions_max = context.result.clients;
  auto target = open(system, settings);
  if (!target) {
    return tl::unexpected{complain(to_string(target.error()), exit_code::engine)};
  }
  const auto clients = std::min(context.result.clients, open_clients_max);
  const auto each = offered_per_second / static_cast<double>(clients);
  bench_stage stage{run, "overload", context.progress};
  return stage.measure(clients, context.settings.seconds,
                       [&] { return system.spawn(open_client, run, target->front(), each); });
}

void add_memory(bench_result& result, std::string key, std::string title, double mib) {
  result.figures.push_back({std::move(key), std::move(title), mib, fmt::format("{:.0f} MiB", mib)});
}

} // namespace

int run_overload(const bench_context& context) {
  const auto most = measure_maximum(context);
  if (!most) {
    return most.error();
  }
  const auto maximum = most->per_second();
  const auto before = rss_mib();
  const auto run = std::make_shared<bench_run>(profile_of(context.settings));
  const auto stage = measure_overload(context, run, maximum * overload);
  if (!stage) {
    return stage.error();
  }
  auto& result = context.result;
  result.seconds = stage->seconds;
  result.totals = stage->totals;
  result.rss_mib = stage->rss_mib;
  const auto ratio = maximum > 0.0 ? stage->per_second() / maximum : 0.0;
  const auto refused = result.totals.failures[static_cast<std::size_t>(errc::overloaded)];
  add_rate(result, "maximum_per_second", "maximum, closed loop", maximum);
  add_latency(result, "maximum_p99_ms", "p99 at the maximum", most->totals.latencies.percentile(99));
  add_rate(result, "offered_per_second", "offered", static_cast<double>(run->offered) / result.seconds);
  add_rate(result, "goodput_per_second", "goodput", stage->per_second());
  result.figures.push_back({"goodput_ratio", "goodput of the maximum", ratio, fmt::format("{:.1f} %", ratio * 100.0)});
  add_rate(result, "refused_per_second", "refused", static_cast<double>(refused) / result.seconds);
  add_memory(result, "rss_before_mib", "memory before", before);
  add_memory(result, "rss_after_mib", "memory after", rss_mib());
  result.figures.push_back(
    {"unanswered", "unanswered", static_cast<double>(stage->unanswered), grouped(stage->unanswered)});
  result.sound = stage->unanswered == 0;
  return exit_code::ok;
}

} // namespace millrace::tools
