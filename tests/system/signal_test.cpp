/// Servers whose output nobody takes any more, or whose files may not grow.

#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/process/server.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <boost/test/unit_test.hpp>

using namespace millrace::test;

namespace {

/// What the server stands behind so that a shell arranges its output or its limits.
std::vector<std::string> behind(const std::string& shell) {
  return {"/bin/bash", "-c", shell, "bash"};
}

int insert(const server& at, const std::string& client) {
  return run_millrace({"sql", "--connect", at.address(), "INSERT INTO t VALUES ('" + client + "', 1)"}).code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(signal_suite)

BOOST_AUTO_TEST_CASE(a_server_whose_output_nobody_reads_any_more_lives_and_drains) {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  server served{{.data = data, .inside = behind(R"(exec "$@" > >(head -n1) 2> >(head -c0))")}};
  for (int i = 0; i < 3; ++i) {
    plain_connection{data / "database.sqlite3"}.execute("CREATE TABLE foreign_" + std::to_string(i) + "(n)");
    BOOST_TEST(insert(served, std::to_string(i)) == 0); // It warns that somebody else changed the database.
  }
  const auto ended = served.stop(SIGTERM);
  BOOST_TEST(ended.signal == 0);
  BOOST_TEST(ended.code == 0);
  BOOST_TEST(run_millrace({"quarantine", "list", "--data", data}).out.find("seq") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_server_whose_terminal_goes_away_drains) {
  const temporary_folder folder;
  server served{folder.path() / "data"};
  BOOST_TEST(insert(served, "a") == 0);
  const auto ended = served.stop(SIGHUP);
  BOOST_TEST(ended.signal == 0);
  BOOST_TEST(ended.code == 0);
}

BOOST_AUTO_TEST_CASE(a_second_signal_ends_a_server_at_once_whichever_it_is) {
  const temporary_folder folder;
  server served{{.data = folder.path() / "data", .more = {"--drain-seconds", "60"}}};
  auto endless = start_millrace(
    {"sql", "--connect", served.address(), "--timeout", "600",
     "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c"});
  std::this_thread::sleep_for(std::chrono::seconds{1});
  served.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds{200});
  const auto ended = served.stop(SIGTERM);
  BOOST_TEST(ended.signal == SIGTERM);
}

BOOST_AUTO_TEST_CASE(a_server_whose_files_may_not_grow_any_more_lives_and_answers) {
  const temporary_folder folder;
  server served{{.data = folder.path() / "data",
                 .more = {"--drain-seconds", "1"},
                 .inside = behind(R"(ulimit -f 20000; exec "$@")")}}; // KiB: a segment fits, these 25 MB do not.
  auto too_much = start_millrace({"sql", "--connect", served.address(),
                                  "INSERT INTO t SELECT value, hex(zeroblob(500000)) FROM "
                                  "(WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c LIMIT 25) "
                                  "SELECT value FROM c)"});
  std::this_thread::sleep_for(std::chrono::seconds{2});
  BOOST_TEST(run_millrace({"sql", "--connect", served.address(), "SELECT count(*) FROM t"}).code == 0);
  too_much.send(SIGKILL);
  const auto ended = served.stop(SIGTERM);
  BOOST_TEST(ended.signal == 0);
  BOOST_TEST(ended.code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
