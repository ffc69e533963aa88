#pragma once

#include "bench_run.hpp"

#include <millrace/tools/millrace/common/console.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <tl/expected.hpp>

namespace millrace::tools {

/// What one stage of a benchmark came to.
struct stage_result {
  double seconds = 0.0; ///< Of the measured window.
  bench_totals totals;
  double rss_mib = 0.0; ///< At the end of the window.
  /// Clients whose last request got no answer; they were ended.
  std::size_t unanswered = 0;

  double per_second() const noexcept {
    return seconds > 0.0 ? static_cast<double>(totals.operations()) / seconds : 0.0;
  }
};

/// Lets client actors work through a warm-up (a tenth of the window, 1 to 5 s) and a measured window.
class bench_stage {
public:
  /// `title` is what the line on stderr says.
  bench_stage(std::shared_ptr<bench_run> run, std::string title, progress_line& progress);

  /// `spawn` starts one client, which works on `run`; `look` is called often while the window is open. The error is
  /// the exit code of the user's interruption.
  [[nodiscard]] tl::expected<stage_result, int> measure(
    std::size_t clients, double seconds, const std::function<caf::actor()>& spawn,
    const std::function<void()>& look = [] {});

private:
  using clock = std::chrono::steady_clock;

  bool pass(clock::duration duration, const std::string& phase, const std::function<void()>& look);
  std::size_t finish_clients();
  void show(const std::string& phase);

  std::shared_ptr<bench_run> run_;
  std::string title_;
  progress_line& progress_;
  std::vector<caf::actor> actors_;
  clock::time_point rate_since_ = clock::now();
  std::uint64_t rate_base_ = 0;
  double rate_ = 0.0;
};

} // namespace millrace::tools
