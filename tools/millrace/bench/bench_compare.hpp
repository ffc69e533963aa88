#pragma once

#include "baseline.hpp"
#include "bench_report.hpp"

#include <millrace/tools/millrace/common/console.hpp>

#include <string>

#include <tl/expected.hpp>

namespace millrace::tools {

/// Measures all baselines of a task, one after the other. Returns early, with what there is, once interrupted.
[[nodiscard]] tl::expected<bench_comparison, std::string> compare(const baseline_task& task, progress_line& progress);

} // namespace millrace::tools
