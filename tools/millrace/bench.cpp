#include "bench.hpp"

#include "bench_job.hpp"

#include <map>
#include <memory>
#include <string>

namespace millrace::tools {

namespace {

constexpr const char* footer = R"(
Workloads: append (durable one-row inserts), upsert (random keys over --rows preloaded rows), read (random point
queries over them), mixed (--reads of them, the rest upserts). Each client sends a request, waits for its answer, and
sends the next. After a warm-up (a tenth of --seconds, 1 to 5 s) only what is answered within the window counts.

Requests carry no timeout of their own unless --timeout gives one, since that costs each of them a turn on the
system's clock; an engine that gives no answer at all for 60 s ends the benchmark.

--compare measures on the same disk, with the same rows and payload: a pool of 8 and of 64 threads with a SQLite
connection each (WAL, synchronous=FULL, busy timeout; the better one counts), one thread with synchronous=OFF, 1000
operations a transaction and a savepoint each (for read: one thread of autocommit reads), and one fdatasync of 4 KiB.

Without --data a scratch folder below TMPDIR or /var/tmp is used and removed. With it the table "bench" is made there
and stays.

Examples:
  millrace bench --workload append --clients 1000 --compare
  millrace bench --workload mixed --reads 0.9 --seconds 600 --json

Exit codes: 0 measured, 1 nothing succeeded or a baseline failed, 2 usage, 70 the engine could not be opened or
stopped answering, 130 interrupted.)";

} // namespace

void add_bench_command(CLI::App& program, int& result) {
  static const std::map<std::string, workload> workloads{
    {"append", workload::append}, {"upsert", workload::upsert}, {"read", workload::read}, {"mixed", workload::mixed}};
  auto settings = std::make_shared<bench_settings>();
  auto& command = *program.add_subcommand("bench", "Measure the engine on this machine");
  command.footer(footer);
  command.add_option("--data", settings->data, "The data folder; a scratch folder where none is named");
  command.add_option("--workload", settings->workload, "append, upsert, read or mixed; append where none is named")
    ->transform(CLI::CheckedTransformer{workloads}.description(""));
  command.add_option("--clients", settings->clients, "Client actors")
    ->check(CLI::Range(1, 100'000))
    ->capture_default_str();
  command.add_option("--seconds", settings->seconds, "Length of the measured window")
    ->check(CLI::Range(0.1, 86'400.0))
    ->capture_default_str();
  command.add_option("--rows", settings->rows, "Rows preloaded for upsert, read and mixed")
    ->check(CLI::Range(1, 100'000'000))
    ->capture_default_str();
  command.add_option("--reads", settings->reads, "Share of queries in mixed")
    ->check(CLI::Range(0.0, 1.0))
    ->capture_default_str();
  command.add_option("--payload", settings->payload_bytes, "Bytes of text per row")
    ->check(CLI::Range(1, 1'000'000))
    ->capture_default_str();
  command.add_option("--timeout", settings->timeout_seconds, "Seconds that each request may take; 0 for no limit")
    ->check(CLI::Range(0.0, 3'600.0))
    ->capture_default_str();
  command.add_flag("--compare", settings->compare, "Measure also what a user would do instead, and the limits");
  command
    .add_option("--compare-seconds", settings->compare_seconds,
                "Length of each of those; the same as --seconds, at most 5, where not given")
    ->check(CLI::Range(0.1, 3'600.0));
  command.add_flag("--json", settings->json, "Print the result as one JSON object");
  command.callback([settings, &result] { result = run_bench(*settings); });
}

} // namespace millrace::tools
