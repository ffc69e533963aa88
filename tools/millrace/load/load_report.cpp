#include "load_report.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/table.hpp>

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>{duration}.count();
}

double rows_per_second(const load_summary& summary) {
  const auto elapsed = seconds(summary.elapsed);
  return elapsed > 0.0 ? static_cast<double>(summary.counts.acknowledged) / elapsed : 0.0;
}

struct end_words {
  std::string_view name; ///< In JSON.
  std::string_view headline;
};

end_words words_of(load_end end) noexcept {
  switch (end) {
    case load_end::complete:
      break;
    case load_end::interrupted:
      return {"interrupted", "Interrupted; loaded so far into "};
    case load_end::stopped:
      return {"stopped", "Stopped; loaded so far into "};
    case load_end::given_up:
      return {"given_up", "Given up; loaded so far into "};
  }
  return {"complete", "Loaded into "};
}

/// What did not get in, for the end of the first line; empty where all did.
std::string left_out(const load_counts& counts) {
  std::string list;
  for (const auto& [count, what] : {std::pair{counts.malformed, " malformed"}, std::pair{counts.failed, " failed"},
                                    std::pair{counts.unknown, " of unknown outcome"}}) {
    list += count == 0 ? "" : (list.empty() ? "; rows left out: " : ", ") + grouped(count) + what;
  }
  return list;
}

std::string verdict(const load_summary& summary) {
  if (!summary.verified) {
    return "not done: " + summary.verify_problem;
  }
  const auto& report = *summary.verified;
  const auto differences = report.equal()
                             ? "all equal"
                             : fmt::format("{}{} missing, {} unexpected", report.at_least ? "at least " : "",
                                           grouped(report.missing), grouped(report.unexpected));
  return grouped(report.compared) + " rows compared, " + differences
         + (report.not_compared == 0
              ? ""
              : "; " + grouped(report.not_compared) + " of earlier runs not told from what the table held before");
}

std::string headline(const load_summary& summary) {
  if (summary.nothing_to_do()) {
    return "There was nothing to do: all rows are in " + summary.table + " since an earlier load"
           + left_out(summary.counts);
  }
  return std::string{words_of(summary.end).headline} + summary.table + " with " + grouped(summary.clients) + " clients"
         + left_out(summary.counts);
}

/// What this run did, line by line.
std::vector<std::pair<std::string, std::string>> figures(const load_summary& summary) {
  const auto& counts = summary.counts;
  return {{"rows", grouped(counts.rows)},
          {"acknowledged", grouped(counts.acknowledged)},
          {"failed", grouped(counts.failed)},
          {"outcome unknown", grouped(counts.unknown)},
          {"malformed", grouped(counts.malformed)},
          {"time", fmt::format("{:.2f} s", seconds(summary.elapsed))},
          {"rate", rate_text(rows_per_second(summary)) + " rows/s"},
          {"latency p50", milliseconds_text(summary.latencies.percentile(50))},
          {"latency p99", milliseconds_text(summary.latencies.percentile(99))},
          {"latency p99.9", milliseconds_text(summary.latencies.percentile(99.9))}};
}

} // namespace

bool load_summary::nothing_to_do() const noexcept {
  return end == load_end::complete && counts.rows == 0 && counts.resumed > 0;
}

bool load_summary::complete() const noexcept {
  if (counts.failed > 0 || (counts.malformed > 0 && !skip_malformed) || !verify_problem.empty()) {
    return false;
  }
  if (verified) {
    return verified->equal() && verified->unknown_missing == 0;
  }
  return counts.unknown == 0;
}

void print_summary(std::ostream& out, const load_summary& summary) {
  auto pairs = summary.nothing_to_do() ? decltype(figures(summary)){} : figures(summary);
  if (summary.resumed) {
    pairs.emplace_back("there since earlier", grouped(summary.counts.resumed));
  }
  if (summary.writer_kills > 0) {
    pairs.emplace_back(
      "writer", fmt::format("killed {} times, restarted {} times", summary.writer_kills, summary.writer_restarts));
    pairs.emplace_back("time lost to it", milliseconds_text(summary.lost));
  }
  if (summary.reader_kills > 0) {
    pairs.emplace_back(
      "readers", fmt::format("killed {} times, restarted {} times", summary.reader_kills, summary.reader_restarts));
    pairs.emplace_back("look-ups meanwhile",
                       fmt::format("{}, tried again {}", grouped(summary.lookups), grouped(summary.lookups_retried)));
  }
  if (summary.verified || !summary.verify_problem.empty()) {
    pairs.emplace_back("verified", verdict(summary));
  }
  if (summary.verified && summary.counts.unknown > 0) {
    pairs.emplace_back("unknown resolved", fmt::format("{} in the table, {} not", summary.verified->unknown_found,
                                                       summary.verified->unknown_missing));
  }
  out << headline(summary) << '\n';
  print_pairs(out, pairs);
  if (summary.verified) {
    for (const auto& example : summary.verified->examples) {
      out << "  " << example << '\n';
    }
  }
}

void print_summary_json(std::ostream& out, const load_summary& summary) {
  nlohmann::ordered_json object{
    {"table", summary.table},
    {"clients", summary.clients},
    {"rows", summary.counts.rows},
    {"acknowledged", summary.counts.acknowledged},
    {"failed", summary.counts.failed},
    {"unknown", summary.counts.unknown},
    {"malformed", summary.counts.malformed},
    {"seconds", seconds(summary.elapsed)},
    {"rows_per_second", rows_per_second(summary)},
    {"p50_ms", to_milliseconds(summary.latencies.percentile(50))},
    {"p99_ms", to_milliseconds(summary.latencies.percentile(99))},
    {"p999_ms", to_milliseconds(summary.latencies.percentile(99.9))},
    {"writer_kills", summary.writer_kills},
    {"writer_restarts", summary.writer_restarts},
    {"reader_kills", summary.reader_kills},
    {"reader_restarts", summary.reader_restarts},
    {"lookups", summary.lookups},
    {"lookups_retried", summary.lookups_retried},
    {"lost_ms", to_milliseconds(summary.lost)},
    {"end", words_of(summary.end).name},
    {"verified", nullptr},
  };
  if (summary.resumed) {
    object["resumed"] = summary.counts.resumed;
  }
  if (summary.verified) {
    const auto& report = *summary.verified;
    object["verified"] = report.equal() && report.unknown_missing == 0;
    object["compared"] = report.compared;
    if (summary.resumed) {
      object["not_compared"] = report.not_compared;
    }
    object["missing"] = report.missing;
    object["unexpected"] = report.unexpected;
    object["unknown_found"] = report.unknown_found;
    object["unknown_missing"] = report.unknown_missing;
  } else if (!summary.verify_problem.empty()) {
    object["verified"] = false;
    object["verify_problem"] = summary.verify_problem;
  }
  out << object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

} // namespace millrace::tools
