#pragma once

#include "bench_run.hpp"

#include <millrace/actors/client/client.hpp>

#include <cstdint>
#include <deque>

#include <tl/expected.hpp>

namespace millrace::tools {

/// How the table `bench_kept` compares with what was acknowledged.
struct kept_report {
  std::uint64_t acknowledged = 0;
  std::uint64_t lost = 0;    ///< Acknowledged rows that are not there.
  std::uint64_t doubled = 0; ///< Rows that are there once more than they were acknowledged.
};

/// Reads the table through once. Each client's rows must be those numbered from 1 to what it was acknowledged, each
/// once.
[[nodiscard]] tl::expected<kept_report, failure> check_kept(client& database,
                                                            const std::deque<bench_run::kept_rows>& kept);

} // namespace millrace::tools
