#include "bench_context.hpp"

#include "bench_client.hpp"

#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/process.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

constexpr std::uint64_t preload_rows = 20'000;

} // namespace

workload operations_of(bench_kind kind) {
  switch (kind) {
    case bench_kind::upsert:
    case bench_kind::overlap:
    case bench_kind::migrate:
      return workload::upsert;
    case bench_kind::read:
      return workload::read;
    case bench_kind::mixed:
      return workload::mixed;
    case bench_kind::append:
    case bench_kind::latency:
    case bench_kind::replay:
    case bench_kind::batch:
    case bench_kind::overload:
    case bench_kind::named:
      break;
  }
  return workload::append;
}

bench_profile profile_of(const bench_settings& settings) {
  bench_profile profile;
  profile.kind = operations_of(settings.kind);
  profile.rows = settings.rows;
  profile.reads = settings.reads;
  profile.payload.assign(settings.payload_bytes, 'm');
  if (settings.timeout_seconds > 0.0) {
    profile.timeout = caf::duration{std::chrono::milliseconds{static_cast<int>(settings.timeout_seconds * 1000.0)}};
  }
  return profile;
}

options engine_options(const bench_context& context) {
  options result;
  result.data = context.data;
  result.create_if_missing = true;
  result.replay_wait = std::chrono::milliseconds::max();
  result.opening_called_off = &interrupt_flag();
  result.scripts.push_back(bench_schema());
  if (context.settings.checkpoint_pages > 0) {
    result.write.checkpoint_pages = context.settings.checkpoint_pages;
  }
  return result;
}

int preload(const bench_context& context, client& database) {
  if (operations_of(context.settings.kind) == workload::append) {
    return exit_code::ok;
  }
  const auto rows = context.settings.rows;
  const auto there = database.query("SELECT count(*) FROM bench WHERE id BETWEEN 1 AND ?1", rows);
  if (there && (*there)[0][std::size_t{0}].as_integer() == static_cast<std::int64_t>(rows)) {
    return exit_code::ok;
  }
  const auto payload = profile_of(context.settings).payload;
  for (std::uint64_t first = 1; first <= rows; first += preload_rows) {
    const auto last = std::min(rows, first + preload_rows - 1);
    const auto done = database.execute(
      "INSERT OR IGNORE INTO bench(id, payload) WITH RECURSIVE n(i) AS (SELECT ?1 UNION "
      "ALL SELECT i + 1 FROM n WHERE i < ?2) SELECT i, ?3 FROM n",
      first, last, payload);
    if (!done) {
      return complain("The table could not be filled: " + to_string(done.error()), exit_code::engine);
    }
    if (interrupted()) {
      return exit_code::interrupted;
    }
    context.progress.update("filling  " + grouped(last) + " rows",
                            static_cast<double>(last) / static_cast<double>(rows));
  }
  return exit_code::ok;
}

tl::expected<stage_result, int> closed_loop(const bench_context& context, caf::actor_system& system,
                                            const engine_actor& front, bench_profile profile, std::size_t clients,
                                            double seconds, const std::string& title) {
  const auto run = std::make_shared<bench_run>(std::move(profile));
  bench_stage stage{run, title, context.progress};
  return finished(stage.measure(clients, seconds, [&] { return system.spawn(bench_client, run, front); }));
}

tl::expected<stage_result, int> finished(tl::expected<stage_result, int> measured) {
  if (measured && measured->unanswered > 0) {
    return tl::unexpected{
      complain(std::string{"The engine gave no answer for too long; the benchmark was given up."}, exit_code::engine)};
  }
  return measured;
}

void add_latency(bench_result& result, std::string key, std::string title, std::chrono::nanoseconds latency) {
  result.figures.push_back({std::move(key), std::move(title), to_milliseconds(latency), milliseconds_text(latency)});
}

void add_rate(bench_result& result, std::string key, std::string title, double per_second) {
  result.figures.push_back({std::move(key), std::move(title), per_second, rate_text(per_second) + "/s"});
}

} // namespace millrace::tools
