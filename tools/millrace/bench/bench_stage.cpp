#include "bench_stage.hpp"

#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/process.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace millrace::tools {

namespace {

constexpr std::chrono::milliseconds poll_interval{20};
constexpr std::chrono::milliseconds line_interval{1'000};
/// Without any answer for so long the engine is given up.
constexpr std::chrono::seconds silence_max{60};

} // namespace

bench_stage::bench_stage(std::shared_ptr<bench_run> run, std::string title, progress_line& progress)
  : run_(std::move(run)), title_(std::move(title)), progress_(progress) {}

tl::expected<stage_result, int> bench_stage::measure(std::size_t clients, double seconds,
                                                     const std::function<caf::actor()>& spawn,
                                                     const std::function<void()>& look) {
  const auto duration = [](double length) {
    return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>{length});
  };
  for (std::size_t i = 0; i < clients; ++i) {
    run_->clients.add();
    actors_.push_back(spawn());
  }
  const bool answering = pass(duration(std::clamp(seconds * 0.1, 1.0, 5.0)), "warming up  ", [] {});
  const auto start = clock::now();
  run_->enter(bench_phase::measured);
  if (answering) {
    pass(duration(seconds), "", look);
  }
  run_->enter(bench_phase::over);
  stage_result result;
  result.seconds = std::chrono::duration<double>{clock::now() - start}.count();
  result.rss_mib = rss_mib();
  result.unanswered = finish_clients();
  result.totals = run_->totals();
  progress_.clear();
  return interrupted() ? tl::expected<stage_result, int>{tl::unexpect, exit_code::interrupted} : result;
}

/// Lets the clients work. False where the engine stopped answering or the user wants to stop.
bool bench_stage::pass(clock::duration duration, const std::string& phase, const std::function<void()>& look) {
  const auto deadline = clock::now() + duration;
  auto last_change = clock::now();
  auto answered = run_->answered();
  for (auto now = clock::now(); now < deadline && !interrupted(); now = clock::now()) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
    run_->clients.wait_empty(std::min(poll_interval, rest));
    look();
    show(phase);
    if (const auto so_far = run_->answered(); so_far != answered) {
      answered = so_far;
      last_change = clock::now();
    }
    if (clock::now() - last_change > silence_max) {
      return false;
    }
  }
  return !interrupted();
}

/// Waits for what is outstanding. How many clients got no answer.
std::size_t bench_stage::finish_clients() {
  if (run_->clients.wait_empty(silence_max)) {
    return 0;
  }
  const auto unanswered = run_->clients.count();
  for (const auto& actor : actors_) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  }
  run_->clients.wait_empty(silence_max);
  return unanswered;
}

void bench_stage::show(const std::string& phase) {
  const auto now = clock::now();
  if (now - rate_since_ >= line_interval) {
    const auto answered = run_->answered();
    rate_ = static_cast<double>(answered - rate_base_) / std::chrono::duration<double>{now - rate_since_}.count();
    rate_base_ = answered;
    rate_since_ = now;
  }
  progress_.update(fmt::format("{}{} {}/s  {:.0f} MiB", phase, title_, rate_text(rate_), rss_mib()));
}

} // namespace millrace::tools
