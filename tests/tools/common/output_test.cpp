#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::test;

namespace {

/// A folder, and the program as a shell runs it there.
struct shell_fixture {
  temporary_folder folder;

  /// `$M` is the program.
  ending shell(const std::string& script) const {
    return program{{"/bin/sh", "-c", "M=$0; cd \"$1\" && " + script, MILLRACE_PROGRAM, folder.path()}}.wait();
  }

  shell_fixture() {
    const auto made = shell(
      "echo 'CREATE TABLE t(a)' > t.sql; echo a > rows; echo 1 >> rows;"
      "$M load rows --data data --table t");
    BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  }
};

const std::vector<std::string> commands{
  "sql --data data 'SELECT 1'",
  "sql --data data --csv 'SELECT 1'",
  "sql --data data --json 'SELECT 1'",
  "sql --data data 'INSERT INTO t VALUES (2)'",
  "quarantine list --data data",
  "quarantine list --data data --json",
  "load rows --data data --table t --json",
  "certs trial-$$",
  "--version",
  "sql --help",
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(output_suite, shell_fixture)

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written_fails_every_command_with_a_sentence) {
  for (const auto& command : commands) {
    BOOST_TEST_CONTEXT(command) {
      const auto full = shell("exec $M " + command + " > /dev/full");
      BOOST_TEST(full.code == 1);
      BOOST_TEST(full.err == "The output could not be written in full: No space left on device\n");
      const auto closed = shell("exec $M " + command + " >&-");
      BOOST_TEST(closed.code == 1);
      BOOST_TEST(closed.err == "The output could not be written in full: Bad file descriptor\n");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_pipe_that_nobody_reads_ends_every_command_quietly_after_its_work) {
  for (const auto& command : commands) {
    BOOST_TEST_CONTEXT(command) {
      const auto gone = shell("mkfifo p; : < p & exec 3> p; wait; $M " + command + " >&3; code=$?; rm p; exit $code");
      BOOST_TEST(gone.code == 141);
      BOOST_TEST(gone.err == "");
    }
  }
  // One row is the fixture's; each of the two commands that add some did so before it ended.
  BOOST_TEST(shell("$M sql --data data --csv 'SELECT count(*) AS n FROM t'").out == "n\n3\n");
}

BOOST_AUTO_TEST_CASE(no_file_takes_the_place_of_a_standard_stream_that_is_closed) {
  BOOST_TEST(shell("exec $M sql --data data 'INSERT INTO t VALUES (2)' <&- >&- 2>&-").code == 1);
  const auto after = shell("$M sql --data data --csv 'SELECT count(*) AS n FROM t'");
  BOOST_TEST(after.out == "n\n2\n", after.err);
}

BOOST_AUTO_TEST_SUITE_END()
