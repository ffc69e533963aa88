#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/captured.hpp>
#include <millrace/tests/support/temporary_folder.hpp>
#include <millrace/tools/millrace/bench/bench.hpp>
#include <millrace/tools/millrace/bench/bench_client.hpp>
#include <millrace/tools/millrace/bench/bench_kept.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

using namespace millrace;
using namespace millrace::tools;

namespace {

struct ending {
  int code = 0;
  nlohmann::json result;
  std::string complaint;
};

/// Runs the command line `bench …` as the program would.
ending bench(std::vector<std::string> arguments) {
  const test::captured out{std::cout};
  const test::captured err{std::cerr};
  int code = exit_code::ok;
  CLI::App program{"", "millrace"};
  program.fallthrough();
  add_bench_command(program, code);
  arguments.insert(arguments.begin(), {"bench", "--json"});
  std::reverse(arguments.begin(), arguments.end());
  try {
    program.parse(arguments);
  } catch (const CLI::ParseError& problem) {
    return {exit_code::usage, {}, problem.what()};
  }
  return {code, out.text().empty() ? nlohmann::json{} : nlohmann::json::parse(out.text()), err.text()};
}

double positive(const ending& run, const std::string& key) {
  BOOST_REQUIRE_MESSAGE(run.result.contains(key), key << " is missing in " << run.result.dump() << run.complaint);
  const auto value = run.result.at(key).get<double>();
  BOOST_TEST(value > 0.0, key);
  return value;
}

/// A table as clients left it that were acknowledged rows 1 to 3 (client 0) and 1 to 2 (client 1).
struct kept_fixture {
  test::temporary_folder folder;
  system_config config;
  caf::actor_system system{config};
  engine target = open_engine();
  client database{system, target.front()};
  bench_run run{{}};

  kept_fixture() {
    run.keep().acknowledged = 3;
    run.keep().acknowledged = 2;
    for (const int number : {1, 2, 3}) {
      insert(0, number);
    }
    insert(1, 1);
  }

  engine open_engine() {
    options settings;
    settings.data = folder.path() / "data";
    settings.create_if_missing = true;
    settings.scripts = {kept_schema()};
    return open(system, settings).value();
  }

  void insert(int client, int number) {
    BOOST_REQUIRE(database.execute("INSERT INTO bench_kept VALUES (?1, ?2, '')", client, number).has_value());
  }

  kept_report check() { return check_kept(database, run.kept()).value(); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(bench_suite)

BOOST_AUTO_TEST_CASE(options_that_do_not_go_together_are_refused_with_a_sentence) {
  const auto killed = bench({"--workload", "read", "--kill-every", "1"});
  BOOST_TEST(killed.code == exit_code::usage);
  BOOST_TEST(killed.complaint.find("--kill-every") != std::string::npos, killed.complaint);
  const auto compared = bench({"--workload", "overload", "--compare"});
  BOOST_TEST(compared.code == exit_code::usage);
  BOOST_TEST(compared.complaint.find("--compare") != std::string::npos, compared.complaint);
}

BOOST_AUTO_TEST_CASE(a_workload_that_does_not_exist_is_refused) {
  BOOST_TEST(bench({"--workload", "upside"}).code == exit_code::usage);
  BOOST_TEST(bench({"--transactions", "0"}).code == exit_code::usage);
}

BOOST_AUTO_TEST_CASE(latency_is_that_of_one_client_beside_one_sync) {
  const auto run = bench({"--workload", "latency", "--clients", "50", "--seconds", "0.2"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(run.result.at("clients") == 1);
  const auto sync = positive(run, "fdatasync_us");
  BOOST_TEST(positive(run, "limit_us") == 1.5 * sync + 60.0, boost::test_tools::tolerance(1e-9));
  positive(run, "p50_us");
}

BOOST_AUTO_TEST_CASE(a_replay_applies_every_transaction_of_the_log) {
  const auto run = bench({"--workload", "replay", "--transactions", "1001"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(run.result.at("transactions") == 1001);
  positive(run, "per_second");
  positive(run, "read_seconds");
}

BOOST_AUTO_TEST_CASE(batches_and_single_inserts_are_measured_apart) {
  const auto run = bench({"--workload", "batch", "--clients", "5", "--seconds", "0.2"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(run.result.at("failures") == 0);
  const auto per_batch = run.result.at("inserts_per_second").get<double>() / positive(run, "per_second");
  BOOST_TEST(per_batch == 100.0, boost::test_tools::tolerance(1e-9));
  positive(run, "alone_p99_ms");
  positive(run, "single_p99_ms");
}

BOOST_AUTO_TEST_CASE(named_transactions_are_measured_beside_unnamed_ones) {
  const auto run = bench({"--workload", "named", "--clients", "20", "--seconds", "1"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(run.result.at("failures") == 0);
  positive(run, "per_second");
  positive(run, "unnamed_per_second");
  BOOST_TEST(run.result.contains("cost_percent"));
}

BOOST_AUTO_TEST_CASE(queries_that_overlap_are_measured_by_how_long_the_logs_become_beside_them) {
  const auto run = bench({"--workload", "overlap", "--clients", "20", "--rows", "1000", "--seconds", "0.5"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(positive(run, "wal_bound_mib") == 16'384.0 * 4'120.0 / 1'048'576.0, boost::test_tools::tolerance(1e-9));
  positive(run, "wal_peak_mib"); // How far it passes the bound depends on how fast the machine writes.
  positive(run, "queue_peak_mib");
}

BOOST_AUTO_TEST_CASE(migrations_are_measured_alone_and_backfills_beside_upserts) {
  const auto run = bench({"--workload", "migrate", "--clients", "20", "--rows", "2000", "--seconds", "0.5"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(run.result.at("failures") == 0);
  for (const char* const figure : {"create_index_ms", "rebuild_ms", "all_rows_ms", "backfill_ms", "p99_ratio"}) {
    BOOST_TEST(run.result.contains(figure), figure);
  }
  positive(run, "per_second");
}

BOOST_AUTO_TEST_CASE(an_engine_that_is_offered_too_much_refuses_some_and_answers_all) {
  const auto run = bench({"--workload", "overload", "--clients", "20", "--seconds", "0.5"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(run.result.at("unanswered") == 0);
  positive(run, "offered_per_second");
  positive(run, "goodput_ratio");
  positive(run, "refused_per_second");
}

BOOST_AUTO_TEST_CASE(actors_that_are_killed_under_load_lose_nothing_double_nothing_and_leave_nobody_waiting) {
  for (const auto* const workload : {"append", "mixed"}) {
    const auto run = bench({"--workload", workload, "--clients", "50", "--rows", "1000", "--seconds", "1.5",
                            "--kill-every", "0.1", "--checkpoint-pages", "50"});
    BOOST_TEST(run.code == exit_code::ok, run.result.dump() << run.complaint);
    positive(run, "kills");
    positive(run, "acknowledged");
    BOOST_TEST(run.result.at("lost") == 0);
    BOOST_TEST(run.result.at("doubled") == 0);
    BOOST_TEST(run.result.at("unanswered") == 0);
  }
}

BOOST_AUTO_TEST_CASE(what_one_would_do_instead_is_measured_with_the_same_clients) {
  const auto run = bench({"--clients", "3", "--seconds", "0.2", "--compare", "--compare-seconds", "0.5"});
  BOOST_TEST(run.code == exit_code::ok, run.complaint);
  BOOST_TEST(run.result.at("pool_threads") == 3);
  positive(run, "pool_p99_ms");
  positive(run, "group_commit_per_second");
  positive(run, "group_commit_p99_ms");
}

BOOST_FIXTURE_TEST_CASE(rows_that_are_all_there_once_are_sound, kept_fixture) {
  insert(1, 2);
  const auto report = check();
  BOOST_TEST(report.acknowledged == 5u);
  BOOST_TEST(report.lost == 0u);
  BOOST_TEST(report.doubled == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_missing_is_lost, kept_fixture) {
  BOOST_TEST(check().lost == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_there_twice_or_was_never_acknowledged_is_doubled, kept_fixture) {
  insert(1, 2);
  insert(0, 2);
  insert(1, 3);
  insert(2, 1);
  const auto report = check();
  BOOST_TEST(report.lost == 0u);
  BOOST_TEST(report.doubled == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
