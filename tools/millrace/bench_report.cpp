#include "bench_report.hpp"

#include "console.hpp"
#include "table.hpp"

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
  const auto& latencies = result.totals.latencies;
  std::vector<std::pair<std::string, std::string>> pairs{
    {"operations", grouped(result.totals.operations())},
    {"rate", rate_text(result.per_second()) + "/s"},
    {"latency p50", milliseconds_text(latencies.percentile(50))},
    {"latency p99", milliseconds_text(latencies.percentile(99))},
    {"latency p99.9", milliseconds_text(latencies.percentile(99.9))},
    {"failures", result.totals.failed() == 0 ? "0" : failures_text(result.totals)},
    {"memory", fmt::format("{:.0f} MiB", result.rss_mib)},
  };
  if (result.comparison) {
    const auto& other = *result.comparison;
    pairs.emplace_back(fmt::format("SQLite pool, {} threads", other.pool_threads),
                       fmt::format("{}/s, Millrace is {:.2f} times that", rate_text(other.pool_per_second),
                                   ratio(result.per_second(), other.pool_per_second)));
    pairs.emplace_back("one thread, not durable",
                       fmt::format("{}/s, Millrace is {:.2f} times that", rate_text(other.raw_per_second),
                                   ratio(result.per_second(), other.raw_per_second)));
    pairs.emplace_back("one fdatasync of 4 KiB", fmt::format("{:.0f} µs, the p50 is {:.2f} times that",
                                                             other.fdatasync_us, p50_per_sync(result)));
  }
  out << fmt::format("{}, {} clients, {:.1f} s\n", result.workload, grouped(result.clients), result.seconds);
  print_pairs(out, pairs);
}

void print_result_json(std::ostream& out, const bench_result& result) {
  const auto& latencies = result.totals.latencies;
  nlohmann::ordered_json object{
    {"workload", result.workload},
    {"clients", result.clients},
    {"seconds", result.seconds},
    {"operations", result.totals.operations()},
    {"per_second", result.per_second()},
    {"p50_ms", to_milliseconds(latencies.percentile(50))},
    {"p99_ms", to_milliseconds(latencies.percentile(99))},
    {"p999_ms", to_milliseconds(latencies.percentile(99.9))},
    {"failures", result.totals.failed()},
    {"rss_mib", result.rss_mib},
  };
  if (result.comparison) {
    const auto& other = *result.comparison;
    object["pool_per_second"] = other.pool_per_second;
    object["pool_threads"] = other.pool_threads;
    object["raw_per_second"] = other.raw_per_second;
    object["fdatasync_us"] = other.fdatasync_us;
    object["ratio_pool"] = ratio(result.per_second(), other.pool_per_second);
    object["ratio_raw"] = ratio(result.per_second(), other.raw_per_second);
    object["ratio_fdatasync"] = p50_per_sync(result);
  }
  out << object.dump() << '\n';
}

} // namespace millrace::tools
