#include "bench_report.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/table.hpp>

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

double ratio(double ours, double theirs) {
  return theirs > 0.0 ? ours / theirs : 0.0;
}

double p50_per_sync(const bench_result& result) {
  return ratio(to_milliseconds(result.totals.latencies.percentile(50)) * 1000.0, result.comparison->fdatasync_us);
}

void add_comparison(std::vector<std::pair<std::string, std::string>>& pairs, const bench_result& result) {
  const auto& other = *result.comparison;
  const auto beside = [&](std::string title, double per_second) {
    pairs.emplace_back(std::move(title), fmt::format("{}/s, Millrace is {:.2f} times that", rate_text(per_second),
                                                     ratio(result.per_second(), per_second)));
  };
  beside(fmt::format("SQLite pool, {} threads", other.pool_threads), other.pool.per_second);
  if (other.group_commit) {
    beside("SQLite, group commit", other.group_commit->per_second);
  }
  beside("one thread, not durable", other.raw_per_second);
  pairs.emplace_back("one fdatasync of 4 KiB",
                     fmt::format("{:.0f} µs, the p50 is {:.2f} times that", other.fdatasync_us, p50_per_sync(result)));
}

void add_comparison(nlohmann::ordered_json& object, const bench_result& result) {
  const auto& other = *result.comparison;
  object["pool_per_second"] = other.pool.per_second;
  object["pool_p99_ms"] = to_milliseconds(other.pool.p99);
  object["pool_threads"] = other.pool_threads;
  object["raw_per_second"] = other.raw_per_second;
  object["fdatasync_us"] = other.fdatasync_us;
  object["ratio_pool"] = ratio(result.per_second(), other.pool.per_second);
  object["ratio_raw"] = ratio(result.per_second(), other.raw_per_second);
  object["ratio_fdatasync"] = p50_per_sync(result);
  if (other.group_commit) {
    object["group_commit_per_second"] = other.group_commit->per_second;
    object["group_commit_p99_ms"] = to_milliseconds(other.group_commit->p99);
    object["ratio_group_commit"] = ratio(result.per_second(), other.group_commit->per_second);
  }
}

} // namespace

double bench_result::per_second() const noexcept {
  return seconds > 0.0 ? static_cast<double>(totals.operations()) / seconds : 0.0;
}

std::string failures_text(const bench_totals& totals) {
  std::string text;
  for (std::size_t code = 0; code < totals.failures.size(); ++code) {
    if (totals.failures[code] > 0) {
      const auto title = code == 0 ? std::string_view{"no row found"} : name(static_cast<errc>(code));
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", title, grouped(totals.failures[code]));
    }
  }
  return text;
}

void print_result(std::ostream& out, const bench_result& result) {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (result.totals.answered() > 0) {
    const auto& latencies = result.totals.latencies;
    pairs = {
      {"operations", grouped(result.totals.operations())},
      {"rate", rate_text(result.per_second()) + "/s"},
      {"latency p50", milliseconds_text(latencies.percentile(50))},
      {"latency p99", milliseconds_text(latencies.percentile(99))},
      {"latency p99.9", milliseconds_text(latencies.percentile(99.9))},
      {"failures", result.totals.failed() == 0 ? "0" : failures_text(result.totals)},
    };
  }
  for (const auto& figure : result.figures) {
    pairs.emplace_back(figure.title, figure.text);
  }
  pairs.emplace_back("memory", fmt::format("{:.0f} MiB", result.rss_mib));
  if (result.comparison) {
    add_comparison(pairs, result);
  }
  out << fmt::format("{}, {} clients, {:.1f} s\n", result.workload, grouped(result.clients), result.seconds);
  print_pairs(out, pairs);
}

void print_result_json(std::ostream& out, const bench_result& result) {
  nlohmann::ordered_json object{
    {"workload", result.workload}, {"clients", result.clients}, {"seconds", result.seconds}};
  if (result.totals.answered() > 0) {
    const auto& latencies = result.totals.latencies;
    object["operations"] = result.totals.operations();
    object["per_second"] = result.per_second();
    object["p50_ms"] = to_milliseconds(latencies.percentile(50));
    object["p99_ms"] = to_milliseconds(latencies.percentile(99));
    object["p999_ms"] = to_milliseconds(latencies.percentile(99.9));
    object["failures"] = result.totals.failed();
  }
  object["rss_mib"] = result.rss_mib;
  for (const auto& figure : result.figures) {
    object[figure.key] = figure.value;
  }
  if (result.comparison) {
    add_comparison(object, result);
  }
  out << object.dump() << '\n';
}

} // namespace millrace::tools
