#include "bench_context.hpp"

#include <millrace/actors/schema/migrator.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

constexpr auto set_name = "bench";

migration with_back(std::uint64_t version, std::string name, std::string up, std::string down) {
  return {.version = version, .name = std::move(name), .up = std::move(up), .down = std::move(down)};
}

migration backfill(std::uint64_t version) {
  auto made = with_back(version, "backfill_" + std::to_string(version),
                        "UPDATE bench SET n = n + 1 WHERE id BETWEEN :first AND :last", "SELECT 1");
  made.backfill = "bench";
  return made;
}

/// Changes of the schema, and of all rows.
migration_set migrations() {
  return {
    .name = set_name,
    .migrations = {
      with_back(1, "add_column", "ALTER TABLE bench ADD COLUMN n INTEGER NOT NULL DEFAULT 0",
                "ALTER TABLE bench DROP COLUMN n"),
      with_back(2, "create_index", "CREATE INDEX bench_payload ON bench(payload)", "DROP INDEX bench_payload"),
      with_back(3, "drop_index", "DROP INDEX bench_payload", "CREATE INDEX bench_payload ON bench(payload)"),
      with_back(
        4, "rebuild",
        "PRAGMA foreign_keys=OFF; BEGIN;"
        "CREATE TABLE bench_new(id INTEGER PRIMARY KEY, payload TEXT, n INTEGER NOT NULL DEFAULT 0 CHECK (n >= 0));"
        "INSERT INTO bench_new SELECT id, payload, n FROM bench; DROP TABLE bench;"
        "ALTER TABLE bench_new RENAME TO bench; PRAGMA foreign_key_check; COMMIT;",
        "SELECT 1"),
      with_back(5, "all_rows", "UPDATE bench SET n = length(payload)", "SELECT 1"),
      backfill(6),
    }};
}

class migrating {
public:
  migrating(caf::actor_system& system, operations_actor target) : system_(system), target_(std::move(target)) {}

  /// Takes back what an earlier run left, then applies all; notes how long each took.
  expected<std::size_t> run_all(bench_result& result) {
    migrator by{system_, target_, {}};
    const auto set = migrations();
    if (auto back = by.run([&](const schema_state& now) { return plan_down(whole(set, now), now, SIZE_MAX); }); !back) {
      return back;
    }
    migration_hooks hooks;
    hooks.after_each = [&](const planned_change& step, std::chrono::milliseconds took) {
      const bool last = step.id.version == 6;
      add_latency(result, (last ? "backfill" : step.name) + "_ms", last ? "backfill of all rows, alone" : step.name,
                  took);
      return std::optional<failure>{};
    };
    return migrator{system_, target_, {.hooks = std::move(hooks)}}.run(
      [&](const schema_state& now) { return plan_up({set}, now, {}); });
  }

  /// Applies one backfill of all rows after another until it is to stop.
  std::size_t run_backfills(const std::stop_token& over) {
    auto set = migrations();
    std::size_t done = 0;
    migrator by{system_, target_, {.stop = [&over] { return over.stop_requested(); }}};
    while (!over.stop_requested()) {
      set.migrations.push_back(backfill(set.migrations.back().version + 1));
      done += by.run([&](const schema_state& now) { return plan_up({set}, now, {}); }).value_or(0);
    }
    return done;
  }

private:
  /// With the further backfills that an earlier run applied, or left under way.
  static migration_set whole(migration_set set, const schema_state& now) {
    const auto applied = applied_of(now, set_name);
    auto last = applied.migrations.empty() ? 0 : applied.migrations.back().version;
    if (const auto* const begun = backfill_of(now, set_name)) {
      last = begun->id.version;
    }
    while (set.migrations.back().version < last) {
      set.migrations.push_back(backfill(set.migrations.back().version + 1));
    }
    return set;
  }

  caf::actor_system& system_; ///< Not owned.
  operations_actor target_;
};

} // namespace

int run_migrate(const bench_context& context) {
  system_config config;
  caf::actor_system system{config};
  auto target = open(system, engine_options(context));
  if (!target) {
    return complain(to_string(target.error()), exit_code::engine);
  }
  if (client database{system, target->front()}; const int code = preload(context, database)) {
    return code;
  }
  auto& result = context.result;
  migrating work{system, target->operations()};
  if (const auto done = work.run_all(result); !done) {
    return complain("The schema could not be changed: " + to_string(done.error()), exit_code::engine);
  }
  const auto stage = [&](const char* title) {
    return closed_loop(context, system, target->front(), profile_of(context.settings), result.clients,
                       context.settings.seconds, title);
  };
  const auto alone = stage("upserts alone");
  if (!alone) {
    return alone.error();
  }
  std::size_t backfills = 0;
  const auto beside = [&] {
    const std::jthread filling{[&](const std::stop_token& over) { backfills = work.run_backfills(over); }};
    return stage("upserts beside backfills");
  }();
  if (!beside) {
    return beside.error();
  }
  result.seconds = beside->seconds;
  result.totals = beside->totals;
  result.rss_mib = beside->rss_mib;
  result.figures.push_back({"backfills", "backfills meanwhile", static_cast<double>(backfills), grouped(backfills)});
  const auto p99 = [](const stage_result& of) { return of.totals.latencies.percentile(99); };
  add_latency(result, "alone_p50_ms", "without backfills, p50", alone->totals.latencies.percentile(50));
  add_latency(result, "alone_p99_ms", "without backfills, p99", p99(*alone));
  const auto ratio = to_milliseconds(p99(*beside)) / to_milliseconds(p99(*alone));
  result.figures.push_back({"p99_ratio", "the p99 is", ratio, fmt::format("{:.2f} of that", ratio)});
  return exit_code::ok;
}

} // namespace millrace::tools
