#pragma once

#include <millrace/tools/millrace/common/connect.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::tools {

/// What `--workload` names.
enum class bench_kind { append, upsert, read, mixed, latency, replay, batch, overload, named, overlap, migrate };

/// What the command line of `millrace bench` says.
struct bench_settings {
  std::string data; ///< Empty for a scratch folder.
  connect_settings remote;
  bench_kind kind = bench_kind::append;
  std::size_t clients = 0; ///< 0 for what the workload is about.
  double seconds = 10.0;
  std::uint64_t rows = 1'000'000;
  std::uint64_t transactions = 1'000'000; ///< That are replayed.
  double reads = 0.9;
  std::size_t payload_bytes = 90;
  double timeout_seconds = 0.0;       ///< Of each request; 0 for none.
  double kill_every_seconds = 0.0;    ///< 0 for never.
  std::uint32_t checkpoint_pages = 0; ///< 0 for the engine's own choice.
  bool compare = false;
  double compare_seconds = 0.0; ///< 0 for as long as the run, at most 5.
  bool json = false;
};

/// Runs a benchmark from making the folder to printing the result. Returns the exit code.
int run_bench(const bench_settings& settings);

} // namespace millrace::tools
