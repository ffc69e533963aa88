#include "schema.hpp"

#include <millrace/storage/base/hash.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

namespace millrace {

namespace {

tl::expected<schema_script, failure> read_script(const std::filesystem::path& file) {
  std::ifstream stream{file, std::ios::binary};
  if (!stream) {
    return tl::unexpected{failure{errc::file_not_found, "schema script " + file.string()}};
  }
  return schema_script{file.filename().string(),
                       {std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}}};
}

std::optional<failure> check(const breaker_options& settings, const std::string& name) {
  if (settings.window < std::chrono::milliseconds{10} || settings.slow.count() <= 0 || settings.open_for.count() <= 0) {
    return failure{errc::bad_option, "`" + name + "`: its window needs 10 ms, its other times more than nothing"};
  }
  if (!(settings.failure_rate > 0 && settings.failure_rate <= 1)) {
    return failure{errc::bad_option, "`" + name + "`: `failure_rate` must be above 0 and at most 1"};
  }
  if (settings.failures_min == 0 || settings.probes == 0) {
    return failure{errc::bad_option, "`" + name + "`: `failures_min` and `probes` must be at least 1"};
  }
  return std::nullopt;
}

} // namespace

std::optional<failure> check(const options& settings) {
  const auto positive = [](auto duration) { return duration > duration.zero(); };
  struct rule {
    bool kept;
    const char* otherwise;
  };
  const rule rules[]{
    {!settings.data.empty(), "`data`: name the data folder"},
    {settings.readers > 0, "`readers`: at least one is needed to answer queries"},
    {settings.inflight_transactions_max > 0, "`inflight_transactions_max`: at least one transaction must be allowed"},
    {settings.inflight_bytes_max > 0, "`inflight_bytes_max`: at least one byte must be allowed"},
    {settings.waiting_queries_max > 0, "`waiting_queries_max`: at least one query must be allowed"},
    {settings.waiting_query_bytes_max > 0, "`waiting_query_bytes_max`: at least one byte must be allowed"},
    {positive(settings.health_interval), "`health_interval`: it must be longer than nothing"},
    {settings.scrub_interval.count() >= 0, "`scrub_interval`: it must not be negative; zero means never"},
    {positive(settings.reader_lease), "`reader_lease`: it must be longer than nothing"},
    {positive(settings.reader_age_max), "`reader_age_max`: it must be longer than nothing"},
    {settings.wal_pages_max > settings.checkpoint_pages, "`wal_pages_max`: it must be above `checkpoint_pages`"},
    {settings.deaths_max > 0, "`deaths_max`: a transaction must be tried once at least"},
    {settings.database.outcomes.count > 0, "`outcome_window`: at least one outcome must be kept"},
    {positive(settings.database.outcomes.age), "`outcome_window`: outcomes must be kept for longer than nothing"},
    {positive(settings.database.transaction_time_max), "`transaction_time_max`: it must be longer than nothing"},
  };
  for (const auto& one : rules) {
    if (!one.kept) {
      return failure{errc::bad_option, one.otherwise};
    }
  }
  if (auto problem = check(settings.transaction_breaker, "transaction_breaker")) {
    return problem;
  }
  return check(settings.query_breaker, "query_breaker");
}

tl::expected<std::vector<schema_script>, failure> pending_scripts(const options& settings,
                                                                  const storage::database_identity& identity) {
  std::vector<schema_script> all;
  for (const auto& file : settings.schema) {
    auto script = read_script(file);
    if (!script) {
      return tl::unexpected{script.error()};
    }
    all.push_back(std::move(*script));
  }
  all.insert(all.end(), settings.scripts.begin(), settings.scripts.end());
  std::set<std::string> names;
  std::vector<schema_script> pending;
  for (auto& script : all) {
    if (!names.insert(script.name).second) {
      return tl::unexpected{failure{errc::bad_option, "two schema scripts are called " + script.name}};
    }
    const auto recorded = std::ranges::find(identity.scripts, script.name, &storage::recorded_script::name);
    if (recorded == identity.scripts.end()) {
      pending.push_back(std::move(script));
    } else if (recorded->sql_hash != storage::hash_of(script.sql)) {
      return tl::unexpected{
        failure{errc::schema_changed, script.name + ", applied as seq " + std::to_string(recorded->seq)}};
    }
  }
  return pending;
}

} // namespace millrace
