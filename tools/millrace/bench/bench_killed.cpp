#include "bench_client.hpp"
#include "bench_context.hpp"
#include "bench_kept.hpp"
#include "bench_killer.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>

#include <memory>
#include <optional>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

/// Enough for any number of kills: what escalates otherwise is not what is measured here.
constexpr std::size_t restarts_max = 1'000'000;

void add_count(bench_result& result, std::string key, std::string title, std::uint64_t count) {
  result.figures.push_back({std::move(key), std::move(title), static_cast<double>(count), grouped(count)});
}

int check(const bench_context& context, client& database, const bench_run& run, std::size_t unanswered) {
  context.progress.message("checking what was acknowledged");
  const auto kept = check_kept(database, run.kept());
  if (!kept) {
    return complain("What was acknowledged cannot be checked: " + to_string(kept.error()), exit_code::engine);
  }
  auto& result = context.result;
  add_count(result, "resent", "sent again", run.resent);
  add_count(result, "acknowledged", "rows acknowledged", kept->acknowledged);
  add_count(result, "lost", "lost", kept->lost);
  add_count(result, "doubled", "doubled", kept->doubled);
  add_count(result, "unanswered", "unanswered", unanswered);
  result.sound = kept->lost == 0 && kept->doubled == 0 && unanswered == 0;
  return exit_code::ok;
}

} // namespace

int run_killed(const bench_context& context) {
  system_config config;
  caf::actor_system system{config};
  auto settings = engine_options(context);
  settings.scripts.push_back(kept_schema());
  settings.restarts.restarts_max = restarts_max;
  auto target = open(system, settings);
  if (!target) {
    return complain(to_string(target.error()), exit_code::engine);
  }
  client database{system, target->front()};
  if (const auto emptied = database.execute("DELETE FROM bench_kept"); !emptied) {
    return complain("The table could not be emptied: " + to_string(emptied.error()), exit_code::engine);
  }
  if (const int code = preload(context, database)) {
    return code;
  }
  auto profile = profile_of(context.settings);
  profile.kept = true;
  const auto run = std::make_shared<bench_run>(std::move(profile));
  const std::chrono::milliseconds period{static_cast<std::int64_t>(context.settings.kill_every_seconds * 1000.0)};
  bench_killer killer{*target, settings.read.readers, period};
  bench_stage stage{run, context.result.workload, context.progress};
  const auto measured = stage.measure(context.result.clients, context.settings.seconds,
                                      [&] { return system.spawn(bench_client, run, target->front()); });
  const auto kills = killer.stop();
  if (!measured) {
    return measured.error();
  }
  context.result.seconds = measured->seconds;
  context.result.totals = measured->totals;
  context.result.rss_mib = measured->rss_mib;
  add_count(context.result, "kills", "actors killed", kills);
  return check(context, database, *run, measured->unanswered);
}

} // namespace millrace::tools
