#include "bench_client.hpp"
#include "bench_context.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

using seconds = std::chrono::duration<double>;

constexpr double turn_seconds_max = 0.25;
/// In a window shorter than this many turns, they are shorter.
constexpr double turns_min = 16.0;

double median(std::vector<double> values) {
  if (values.empty()) {
    return 0.0;
  }
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// Lets the clients name their writes and not, in turns so short that a machine which grows slower or faster meanwhile
/// does so for both alike. Turns come in pairs; the first of a pair is named in every other pair.
class naming_turns {
public:
  naming_turns(bench_run& run, double length) : run_(run), length_(length) {}

  /// Ends the turn that is due.
  void look() {
    const auto now = bench_run::clock::now();
    if (!started_) {
      started_ = true;
      begin(now);
      return;
    }
    const auto passed = now - since_;
    if (passed < length_) {
      return;
    }
    const auto rate = static_cast<double>(run_.answered() - answered_) / seconds{passed}.count();
    if (named()) {
      named_seconds_ += seconds{passed}.count();
      named_rate_ = rate;
    } else {
      unnamed_rate_ = rate;
    }
    if (++turns_ % 2 == 0) {
      named_rates_.push_back(named_rate_);
      unnamed_rates_.push_back(unnamed_rate_);
      ratios_.push_back(named_rate_ / unnamed_rate_);
    }
    begin(now);
  }

  double named_seconds() const { return named_seconds_; }
  double named_per_second() const { return median(named_rates_); }
  double unnamed_per_second() const { return median(unnamed_rates_); }
  /// The median of the pairs' own ratios.
  double ratio() const { return median(ratios_); }
  std::size_t pairs() const { return ratios_.size(); }

private:
  bool named() const { return turns_ % 4 == 1 || turns_ % 4 == 2; }

  void begin(bench_run::clock::time_point now) {
    since_ = now;
    answered_ = run_.answered();
    run_.name_writes(named());
    // Latencies are those of named writes.
    run_.enter(named() ? bench_phase::measured : bench_phase::warm_up);
  }

  bench_run& run_;
  seconds length_;
  bool started_ = false;
  unsigned turns_ = 0;
  bench_run::clock::time_point since_;
  std::uint64_t answered_ = 0;
  double named_seconds_ = 0.0;
  double named_rate_ = 0.0;
  double unnamed_rate_ = 0.0;
  std::vector<double> named_rates_;
  std::vector<double> unnamed_rates_;
  std::vector<double> ratios_;
};

} // namespace

int run_named(const bench_context& context, caf::actor_system& system, const engine_actor& front) {
  auto& result = context.result;
  const auto run = std::make_shared<bench_run>(profile_of(context.settings));
  naming_turns turns{*run, std::min(turn_seconds_max, context.settings.seconds / turns_min)};
  bench_stage stage{run, result.workload, context.progress};
  const auto measured = finished(stage.measure(
    result.clients, context.settings.seconds, [&] { return system.spawn(bench_client, run, front); },
    [&turns] { turns.look(); }));
  if (!measured) {
    return measured.error();
  }
  result.seconds = turns.named_seconds();
  result.totals = measured->totals;
  result.rss_mib = measured->rss_mib;
  const auto cost = (1.0 - turns.ratio()) * 100.0;
  add_rate(result, "named_per_second", "with names, median", turns.named_per_second());
  add_rate(result, "unnamed_per_second", "without names, median", turns.unnamed_per_second());
  result.figures.push_back({"pairs", "pairs of turns", static_cast<double>(turns.pairs()), grouped(turns.pairs())});
  result.figures.push_back({"cost_percent", "names cost", cost, fmt::format("{:.1f} % of the rate", cost)});
  return 0;
}

} // namespace millrace::tools
