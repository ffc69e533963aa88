#include "bench.hpp"

#include "bench_job.hpp"

#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>

#include <map>
#include <memory>
#include <string>

namespace millrace::tools {

namespace {

constexpr const char* footer = R"(
Workloads, each with clients that send a request, wait for its answer, and send the next, unless said otherwise:
  append    durable one-row inserts
  upsert    random keys over --rows preloaded rows
  read      random point queries over them
  mixed     --reads of them, the rest upserts
  latency   one client's appends, beside one fdatasync of 4 KiB
  batch     transactions of 100 inserts, by one client and by all of them, then single inserts by all
  named     appends with named transactions and without, in turns
  overload  the most appends a second, then clients that offer twice that and do not wait for answers, while the engine
            takes no more at once than --clients
  overlap   upserts beside two queries at a time that take as long as a lease and overlap, so that an older state is read
            at every moment; how long SQLite's log and the queue's become
  migrate   changes of the schema and of all --rows, one after another, then upserts beside backfills of all rows
  replay    a start over a log of --transactions that were not applied

After a warm-up (a tenth of --seconds, 1 to 5 s) only what is answered within the window counts. Workloads of several
parts take --seconds for each. Requests carry no timeout of their own unless --timeout gives one, since that costs each
of them a turn on the system's clock; an engine that gives no answer at all for 60 s ends the benchmark.

--kill-every ends a random actor (queue, writer, monitor, reader) each time so many seconds have passed. Writes then go
into a table of their own, are named, and are sent again until their answer is definite. At the end each row that was
acknowledged must be there once, and no other.

--compare measures on the same disk, with the same rows and payload: a pool of 8 and of 64 threads with a SQLite
connection each, but not more than clients (WAL, synchronous=FULL, busy timeout; the better one counts, and its p99 is
that of a client that has a connection); for writes, one thread that commits for all clients that wait (the same
settings, a savepoint each); one thread with synchronous=OFF, 1000 operations a transaction and a savepoint each (for
read: one thread of autocommit reads); and one fdatasync of 4 KiB.

Without --data a scratch folder below TMPDIR or /var/tmp is used and removed. With it the table "bench" is made there
and stays.

Examples:
  millrace bench --workload append --clients 1000 --compare
  millrace bench --workload mixed --reads 0.9 --seconds 600 --json
  millrace bench --workload mixed --kill-every 0.5 --seconds 60

Exit codes: 0 measured, 1 nothing succeeded, a baseline failed, or something was lost, doubled or not answered, 2 usage,
70 the engine could not be opened or stopped answering, 130 interrupted.)";

} // namespace

void add_bench_command(CLI::App& program, int& result) {
  static const std::map<std::string, bench_kind> workloads{
    {"append", bench_kind::append},   {"upsert", bench_kind::upsert},     {"read", bench_kind::read},
    {"mixed", bench_kind::mixed},     {"latency", bench_kind::latency},   {"replay", bench_kind::replay},
    {"batch", bench_kind::batch},     {"overload", bench_kind::overload}, {"named", bench_kind::named},
    {"overlap", bench_kind::overlap}, {"migrate", bench_kind::migrate}};
  auto settings = std::make_shared<bench_settings>();
  auto& command = *program.add_subcommand("bench", "Measure the engine on this machine");
  command.footer(footer);
  auto* data = command.add_option("--data", settings->data, "The data folder; a scratch folder where none is named")
                 ->check(a_name());
  add_connect_options(command, settings->remote, data);
  command.add_option("--workload", settings->kind, "One of those below; append where none is named")
    ->transform(CLI::Transformer{workloads}.description(""))
    ->transform(CLI::IsMember{workloads}.description("")); // Comes first, and names them all where it refuses.
  command.add_option("--clients", settings->clients, "Client actors; 1000 where not given, 100 for batch")
    ->check(number_between(1, 100'000));
  command.add_option("--seconds", settings->seconds, "Length of a measured window")
    ->check(number_between(0.1, 86'400.0))
    ->capture_default_str();
  command.add_option("--rows", settings->rows, "Rows preloaded for upsert, read, mixed, overlap and migrate")
    ->check(number_between(1, 100'000'000))
    ->capture_default_str();
  command.add_option("--transactions", settings->transactions, "Transactions in the log for replay")
    ->check(number_between(1, 100'000'000))
    ->capture_default_str();
  command.add_option("--reads", settings->reads, "Share of queries in mixed")
    ->check(number_between(0.0, 1.0))
    ->capture_default_str();
  command.add_option("--payload", settings->payload_bytes, "Bytes of text per row")
    ->check(number_between(1, 1'000'000))
    ->capture_default_str();
  command.add_option("--timeout", settings->timeout_seconds, "Seconds that each request may take; 0 for no limit")
    ->check(number_between(0.0, 3'600.0))
    ->capture_default_str();
  command.add_option("--kill-every", settings->kill_every_seconds, "Kill an actor each so many seconds and check")
    ->check(number_between(0.01, 3'600.0));
  command
    .add_option("--checkpoint-pages", settings->checkpoint_pages,
                "Pages in SQLite's log from which on the writer checkpoints; the engine's choice where not given")
    ->check(number_between(1, 10'000'000));
  command.add_flag("--compare", settings->compare, "Measure also what a user would do instead, and the limits");
  command
    .add_option("--compare-seconds", settings->compare_seconds,
                "Length of each of those; the same as --seconds, at most 5, where not given")
    ->check(number_between(0.1, 3'600.0));
  command.add_flag("--json", settings->json, "Print the result as one JSON object");
  command.callback([settings, &result] { result = run_bench(*settings); });
}

} // namespace millrace::tools
