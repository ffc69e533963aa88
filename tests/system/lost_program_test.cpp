/// Programs that are killed while the server works for them, and a server that stands still while programs wait for it.

#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/process/server.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace::test;

BOOST_AUTO_TEST_SUITE(lost_program_suite)

BOOST_AUTO_TEST_CASE(queries_of_programs_that_were_killed_hold_no_reader) {
  const temporary_folder folder;
  server served{folder.path() / "data"};
  std::vector<program> lost;
  for (int i = 0; i < 4; ++i) {
    lost.push_back(
      start_millrace({"sql", "--connect", served.address(),
                      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"}));
  }
  // Long enough that they run, and far shorter than a query may.
  std::this_thread::sleep_for(std::chrono::seconds{2});
  for (auto& one : lost) {
    BOOST_REQUIRE(one.running());
    one.send(SIGKILL);
    one.wait();
  }
  const auto asked = std::chrono::steady_clock::now();
  const auto next = run_millrace({"sql", "--connect", served.address(), "SELECT 'served'"});
  BOOST_TEST(next.code == 0);
  BOOST_TEST(next.out.find("served") != std::string::npos);
  // Not a measurement: half of what the killed queries would have had left.
  BOOST_TEST((std::chrono::steady_clock::now() - asked < std::chrono::seconds{13}));
  BOOST_TEST(served.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_CASE(a_server_that_stands_still_is_given_up_when_the_time_is_up) {
  const temporary_folder folder;
  server served{folder.path() / "data"};
  served.send(SIGSTOP);
  const auto asked = std::chrono::steady_clock::now();
  const auto query = run_millrace({"sql", "--connect", served.address(), "--timeout", "1", "SELECT 1"});
  const auto insert = run_millrace(
    {"sql", "--connect", served.address(), "--timeout", "1", "INSERT INTO t VALUES (1, 1)"});
  served.send(SIGCONT);
  BOOST_TEST(query.code != 0);
  BOOST_TEST(insert.code != 0);
  // Not a measurement: what they would wait without it, once.
  BOOST_TEST((std::chrono::steady_clock::now() - asked < std::chrono::seconds{30}));
  BOOST_TEST(served.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
