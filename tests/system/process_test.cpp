#include "numbered_clients.hpp"

#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/named_pipe.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>

#include <algorithm>
#include <csignal>
#include <set>
#include <thread>

#include <unistd.h>
#include <caf/send.hpp>
#include <nlohmann/json.hpp>

namespace {

using namespace millrace;
using namespace millrace::test;

namespace fs = std::filesystem;

constexpr int engine_code = 70;
constexpr int interrupted_code = 130;

using names = std::set<std::string>;

names keys_of(const nlohmann::json& object) {
  names keys;
  for (const auto& [key, ignored] : object.items()) {
    keys.insert(key);
  }
  return keys;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

fs::path write_rows(const fs::path& file, std::size_t count) {
  std::ofstream stream{file};
  stream << "number,payload\n";
  for (std::size_t number = 1; number <= count; ++number) {
    stream << number << ",payload of " << number << '\n';
  }
  return file;
}

options settings_for(const fs::path& folder) {
  options settings;
  settings.data = folder;
  settings.create_if_missing = true;
  return settings;
}

/// Kills its own writer, which may not be restarted even once.
int escalate(const std::vector<std::string>& arguments) {
  auto settings = settings_for(arguments.at(0));
  settings.restarts.restarts_max = 0;
  opened folder{settings};
  caf::anon_send_exit(folder.served().child("writer"), caf::exit_reason::kill);
  std::this_thread::sleep_for(std::chrono::minutes{1});
  return 0;
}

const role escalating{"escalate", escalate};

void check_interrupted_load(int signal) {
  const temporary_folder folder;
  const auto ack_file = folder.path() / "acknowledged";
  auto load = start_millrace({"load", write_rows(folder.path() / "rows.csv", 2'000'000), "--data",
                              folder.path() / "data", "--table", "t", "--ack-file", ack_file, "--json"});
  std::error_code missing;
  while ((!fs::exists(ack_file) || fs::file_size(ack_file, missing) < 20'000) && load.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  load.send(signal);
  const auto how = load.wait();
  BOOST_TEST(how.code == interrupted_code, how.err);
  const auto summary = nlohmann::json::parse(how.out);
  const auto acknowledged = complete_lines(ack_file);
  BOOST_TEST(summary.at("end") == "interrupted");
  BOOST_TEST(summary.at("acknowledged") == acknowledged.size());
  BOOST_TEST(summary.at("rows") == acknowledged.size());
  BOOST_TEST(summary.at("unknown") == 0);

  opened after{settings_for(folder.path() / "data")};
  std::vector<std::string> rows;
  after.each_row("SELECT rowid, number FROM t WHERE rowid > ?1 ORDER BY rowid",
                 [&](const row& one) { rows.emplace_back(one[1].as_text()); });
  const auto sorted = [](std::vector<std::string> lines) {
    std::ranges::sort(lines);
    return lines;
  };
  BOOST_TEST((sorted(rows) == sorted(acknowledged)));
  after.check_integrity();
}

void check_failed_sync(std::uint64_t syncs) {
  BOOST_TEST_CONTEXT("the sync after " << syncs << " fails") {
    const temporary_folder folder;
    numbered_clients clients{.data = folder.path() / "data", .ack_file = folder.path() / "acknowledged"};
    clients.syncs_until_failure = syncs;
    const auto how = role::start(numbered_clients_role, clients.arguments()).wait();
    BOOST_TEST(how.code == engine_code, how.out << how.err);
    const auto acknowledged = read_acknowledgements(clients.ack_file);
    BOOST_TEST(!acknowledged.empty());
    check_numbered(clients.data, acknowledged);
  }
}

void check_bench(const std::string& workload) {
  const temporary_folder folder;
  const auto how = run_millrace({"bench", "--workload", workload, "--data", folder.path() / "data", "--seconds", "1",
                                 "--rows", "1000", "--clients", "50", "--json"});
  BOOST_TEST(how.code == 0, how.err);
  const auto result = nlohmann::json::parse(how.out);
  BOOST_TEST((keys_of(result)
              == names{"workload", "clients", "seconds", "operations", "per_second", "p50_ms", "p99_ms", "p999_ms",
                       "failures", "rss_mib"}),
             how.out);
  BOOST_TEST(result.at("workload") == workload);
  BOOST_TEST(result.at("clients") == 50);
  BOOST_TEST(result.at("operations").get<std::uint64_t>() > 0);
  BOOST_TEST(result.at("failures") == 0);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_second_process_is_refused_by_name_and_pid) {
  const temporary_folder folder;
  opened held{settings_for(folder.path() / "data")};
  const auto refused = run_millrace({"sql", "--data", folder.path() / "data", "SELECT 1"});
  BOOST_TEST(refused.code == engine_code);
  BOOST_TEST(refused.out.empty());
  BOOST_TEST(contains(refused.err, sentence(errc::folder_locked)), refused.err);
  const auto holder = "process " + std::to_string(::getpid()) + " (" + program_invocation_short_name + ")";
  BOOST_TEST(contains(refused.err, holder), refused.err);
  BOOST_TEST(held.number("SELECT 1") == 1);
}

BOOST_AUTO_TEST_CASE(a_folder_is_free_again_when_the_process_that_held_it_is_killed) {
  const temporary_folder folder;
  const numbered_clients clients{.data = folder.path() / "data", .ack_file = folder.path() / "acknowledged"};
  auto holder = role::start(numbered_clients_role, clients.arguments());
  while (complete_lines(clients.ack_file).empty() && holder.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  const auto refused = run_millrace({"sql", "--data", clients.data, "SELECT 1"});
  BOOST_TEST(refused.code == engine_code);
  BOOST_TEST(contains(refused.err, "process " + std::to_string(holder.id())), refused.err);
  holder.send(SIGKILL);
  BOOST_TEST(holder.wait().signal == SIGKILL);
  const auto allowed = run_millrace({"sql", "--data", clients.data, "--csv", "SELECT count(*) > 0 AS some FROM entry"});
  BOOST_TEST(allowed.code == 0, allowed.err);
  BOOST_TEST(allowed.out == "some\n1\n");
}

BOOST_AUTO_TEST_CASE(a_load_that_is_interrupted_keeps_what_it_acknowledged_and_says_so) {
  check_interrupted_load(SIGINT);
}

BOOST_AUTO_TEST_CASE(a_load_that_is_asked_to_end_keeps_what_it_acknowledged_and_says_so) {
  check_interrupted_load(SIGTERM);
}

BOOST_AUTO_TEST_CASE(a_load_from_a_slow_pipe_goes_on_and_ends_when_it_is_interrupted) {
  const temporary_folder folder;
  const auto ack_file = folder.path() / "acknowledged";
  named_pipe source{folder.path() / "rows"};
  source.write("number,payload\n1,a\n");
  auto load = start_millrace({"load", folder.path() / "rows", "--data", folder.path() / "data", "--table", "t",
                              "--patience", "1", "--ack-file", ack_file, "--json"});
  const auto wait_for = [&](std::size_t acknowledged) {
    while (complete_lines(ack_file).size() < acknowledged && load.running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    BOOST_TEST(complete_lines(ack_file).size() == acknowledged);
  };
  wait_for(1);
  std::this_thread::sleep_for(std::chrono::milliseconds{1'500}); // Longer than its patience for an engine.
  source.write("2,b\n");
  wait_for(2);
  load.send(SIGINT);
  const auto how = load.wait();
  BOOST_TEST(how.code == interrupted_code, how.err);
  const auto summary = nlohmann::json::parse(how.out);
  BOOST_TEST(summary.at("acknowledged") == 2);
  BOOST_TEST(summary.at("unknown") == 0);
}

BOOST_AUTO_TEST_CASE(a_writer_that_may_not_be_restarted_ends_the_process_with_code_70) {
  const temporary_folder folder;
  const auto how = role::start("escalate", {folder.path() / "data"}).wait();
  BOOST_TEST(how.code == engine_code, how.out << how.err);
  BOOST_TEST(contains(how.out, "writer"), how.out);
  opened again{settings_for(folder.path() / "data")};
  again.check_integrity();
}

BOOST_AUTO_TEST_CASE(a_failed_sync_ends_the_process_with_code_70_and_loses_nothing_acknowledged) {
  check_failed_sync(50);
  check_failed_sync(211);
  check_failed_sync(600);
}

BOOST_AUTO_TEST_CASE(sql_refuses_a_folder_that_is_missing) {
  const temporary_folder folder;
  const auto refused = run_millrace({"sql", "--data", folder.path() / "nowhere", "SELECT 1"});
  BOOST_TEST(refused.code == engine_code);
  BOOST_TEST(contains(refused.err, sentence(errc::folder_missing)), refused.err);
  BOOST_TEST(contains(refused.err, "nowhere"), refused.err);
  BOOST_TEST(!fs::exists(folder.path() / "nowhere"));
}

BOOST_AUTO_TEST_CASE(sql_refuses_a_folder_of_something_else_and_leaves_it_alone) {
  const temporary_folder folder;
  std::ofstream{folder.path() / "letter.txt"} << "Dear reader";
  const auto refused = run_millrace({"sql", "--data", folder.path(), "SELECT 1"});
  BOOST_TEST(refused.code == engine_code);
  BOOST_TEST(contains(refused.err, sentence(errc::folder_foreign)), refused.err);
  BOOST_TEST(std::distance(fs::directory_iterator{folder.path()}, fs::directory_iterator{}) == 1);
}

BOOST_AUTO_TEST_CASE(sql_refuses_the_database_of_another_program_and_leaves_it_alone) {
  const temporary_folder folder;
  const auto file = folder.path() / "database.sqlite3";
  plain_connection{file}.execute("CREATE TABLE theirs(a); INSERT INTO theirs VALUES (1)");
  const auto refused = run_millrace({"sql", "--data", folder.path(), "SELECT 1"});
  BOOST_TEST(refused.code == engine_code);
  BOOST_TEST(contains(refused.err, sentence(errc::folder_foreign)), refused.err);
  BOOST_TEST(plain_connection{file}.rows("SELECT name FROM sqlite_schema") == "theirs");
}

BOOST_AUTO_TEST_CASE(a_load_whose_writer_and_readers_are_killed_loses_no_row_and_reports_in_json) {
  const temporary_folder folder;
  constexpr std::size_t rows = 100'000;
  const auto how = run_millrace({"load", write_rows(folder.path() / "rows.csv", rows), "--data", folder.path() / "data",
                                 "--table", "t", "--kill-writer", "3", "--kill-reader", "2", "--verify", "--json"});
  BOOST_TEST(how.code == 0, how.err);
  const auto summary = nlohmann::json::parse(how.out);
  BOOST_TEST((keys_of(summary) == names{"table",           "clients",         "rows",         "acknowledged",
                                        "failed",          "unknown",         "malformed",    "seconds",
                                        "rows_per_second", "p50_ms",          "p99_ms",       "p999_ms",
                                        "writer_kills",    "writer_restarts", "reader_kills", "reader_restarts",
                                        "lookups",         "lookups_retried", "lost_ms",      "end",
                                        "verified",        "compared",        "missing",      "unexpected",
                                        "unknown_found",   "unknown_missing"}),
             how.out);
  BOOST_TEST(summary.at("rows") == rows);
  BOOST_TEST(summary.at("acknowledged").get<std::size_t>() + summary.at("unknown").get<std::size_t>() == rows);
  BOOST_TEST(summary.at("failed") == 0);
  BOOST_TEST(summary.at("malformed") == 0);
  BOOST_TEST(summary.at("writer_kills") == 3);
  BOOST_TEST(summary.at("writer_restarts") == 3);
  BOOST_TEST(summary.at("reader_kills") == 2);
  BOOST_TEST(summary.at("reader_restarts") == 2);
  BOOST_TEST(summary.at("verified") == true);
  BOOST_TEST(summary.at("compared") == rows);
  BOOST_TEST(summary.at("missing") == 0);
  BOOST_TEST(summary.at("unexpected") == 0);
  BOOST_TEST(summary.at("unknown_missing") == 0);
}

BOOST_AUTO_TEST_CASE(bench_measures_every_workload_and_reports_in_json) {
  for (const auto* const workload : {"append", "upsert", "read", "mixed"}) {
    check_bench(workload);
  }
}
